"""The state machine of a generation job, and the engine that runs its next step.

Guarantees: a task's id is in the database before a client has it; every step is one transaction, compare-and-set on the
task's version, under a lease; a submit whose outcome is unknown is never sent again unless the upstream refuses
duplicates of our handle; a poll that cannot be read never ends a task; every task ends.
Not guaranteed: that an upstream which cannot be asked about our handle did not run a job that we had to give up
(`submission_unknown`); that is accepted, because the other choice is to pay twice.
Only this package writes `tasks`, `attempts`, `outputs`, `handles`, `uploads`, `events`, `schedule` and `pools`.
"""
