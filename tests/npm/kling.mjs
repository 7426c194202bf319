// Calls kling-api as its users do: {baseUrl, accessKey, secretKey, calls: [[name, ...arguments]]} on standard input.
// A text `$0.data.task_id` is what an earlier call answered, `@name` a function of the client's. Answers {value} or {error} for each call.
import { readFileSync } from 'node:fs';
import { KlingAPI } from 'kling-api';

const told = JSON.parse(readFileSync(0, 'utf8'));
const api = new KlingAPI({ accessKey: told.accessKey, secretKey: told.secretKey });
api.client.defaults.baseURL = told.baseUrl; // its own check lets only https pass
const answers = [];

function meant(given) {
  if (typeof given === 'string' && given.startsWith('@')) return api[given.slice(1)].bind(api);
  if (given !== null && typeof given === 'object' && !Array.isArray(given)) {
    return Object.fromEntries(Object.entries(given).map(([name, value]) => [name, meant(value)]));
  }
  if (typeof given !== 'string' || !given.startsWith('$')) return given;
  const [number, ...path] = given.slice(1).split('.');
  return path.reduce((value, name) => value?.[name], answers[number].value);
}

for (const [name, ...given] of told.calls) {
  try {
    answers.push({ value: await api[name](...given.map(meant)) });
  } catch (error) {
    answers.push({ error: { name: error.name, message: error.message, code: error.code, status: error.httpStatus } });
  }
}
process.stdout.write(JSON.stringify(answers));
