// Plain SQL by the client everybody has, behind the plainest HTTP server: what `benches/history.mjs`
// measures against. `node sql.mjs PORT URL PACKAGES`; POST {"name", "sql"}, the rows come as arrays.
import { createServer } from 'node:http';
import { createRequire } from 'node:module';

const [port, url, packages] = process.argv.slice(2);
const pg = createRequire(packages)('pg');
const client = new pg.Client({ connectionString: url });
await client.connect();

createServer((asked, answer) => {
  let text = '';
  asked.on('data', (chunk) => (text += chunk));
  asked.on('end', async () => {
    const query = JSON.parse(text);
    // A named statement is prepared once, as a server's own are.
    const { rows } = await client.query({ text: query.sql, name: query.name, rowMode: 'array' });
    answer.setHeader('content-type', 'application/json');
    answer.end(JSON.stringify(rows));
  });
}).listen(Number(port), '127.0.0.1');
