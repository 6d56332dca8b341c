// One SOAP call per line of standard input, ["method", {arguments}]; one answer per line of standard output.
const readline = require("node:readline");
const soap = require("soap");

async function main() {
  const client = await soap.createClientAsync(process.argv[2]);
  const ports = Object.values(client.describe()).flatMap((service) => Object.values(service));
  const say = (value) => process.stdout.write(JSON.stringify(value) + "\n");
  say(ports.flatMap((port) => Object.keys(port)));
  for await (const line of readline.createInterface({ input: process.stdin })) {
    const [method, given] = JSON.parse(line);
    try {
      const [answer] = await client[`${method}Async`](given);
      say({ result: answer === null ? null : answer[`${method}Result`] });
    } catch (error) {
      say({ error: String(error.message || error) });
    }
  }
}

main();
