// Uploads a file with basic-ftp to each of the paths: node basic_ftp.cjs PORT FILE PATH...
// stdout: JSON with the code of each reply, 0 for another failure, and whether the session lived on.

const { Client } = require("basic-ftp");

async function main(port, file, paths) {
  const client = new Client(20_000);
  await client.access({ host: "127.0.0.1", port: Number(port), user: "admin", password: "secret" });
  const codes = [];
  for (const path of paths) {
    try {
      codes.push((await client.uploadFrom(file, path)).code);
    } catch (error) {
      codes.push(error.code ?? 0);
    }
  }
  console.log(JSON.stringify({ codes, folder: client.closed ? null : await client.pwd() }));
  client.close();
}

main(process.argv[2], process.argv[3], process.argv.slice(4));
