"""The OpenAI Videos API at any relay: one adapter for the forms that they speak it in.

| file | what it knows |
|---|---|
| `table` | the vendor: its forms, and what its channels may say |
| `official`, `unified`, `newapi`, `chat` | one form each |
| `answers` | what is read of a video, whatever the form: ids, words, links, figures, reasons |
| `frame`, `pictures` | what is asked for in all of them |
"""
