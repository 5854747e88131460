'use strict';
// Shows the counts. PostgreSQL tells of each change (LISTEN), and open pages hear of it as server-sent events.

const fs = require('fs');
const http = require('http');
const path = require('path');
const { Client } = require('pg');

const PORT = 8080;
const RETRY_MILLISECONDS = 500;
const MAXIMUM_PAGES = 1000;
const KEEP_ALIVE_MILLISECONDS = 15000;
const page = fs.readFileSync(path.join(__dirname, 'public', 'index.html'));
const options = { a: process.env.OPTION_A || 'Cats', b: process.env.OPTION_B || 'Dogs' };

const pages = new Set();
// What the database said last; null while it is away.
let counts = null;
let isCounting = false;
let isStale = false;

function tell() {
  const data = `data: ${JSON.stringify({ options, counts })}\n\n`;
  for (const response of pages) response.write(data);
}

// Counts anew; changes that come meanwhile make one further count.
async function count(client) {
  isStale = true;
  if (isCounting) return;
  isCounting = true;
  try {
    while (isStale) {
      isStale = false;
      const { rows } = await client.query('SELECT choice, count(*)::int AS votes FROM votes GROUP BY choice');
      counts = { a: 0, b: 0 };
      for (const row of rows) counts[row.choice] = row.votes;
      tell();
    }
  } finally {
    isCounting = false;
  }
}

// One connection after another, for as long as the program runs.
async function follow() {
  for (;;) {
    const client = new Client({
      host: process.env.DB_HOST || 'db',
      database: 'votes',
      user: 'voting',
      password: fs.readFileSync(process.env.DB_PASSWORD_FILE || '/run/secrets/db_password', 'utf8').trim(),
      connectionTimeoutMillis: 3000,
      keepAlive: true,
    });
    try {
      await new Promise((resolve, reject) => {
        client.on('error', reject);
        client.on('end', () => reject(new Error('the database hung up')));
        client.on('notification', () => count(client).catch(reject));
        client.connect().then(() => client.query('LISTEN votes')).then(() => count(client)).catch(reject);
      });
    } catch (failure) {
      console.error(`result: ${failure.message}; trying again`);
      counts = null;
      tell();
    }
    await client.end().catch(() => {});
    await new Promise((resolve) => setTimeout(resolve, RETRY_MILLISECONDS));
  }
}

function events(request, response) {
  if (pages.size >= MAXIMUM_PAGES) {
    response.writeHead(503).end();
    return;
  }
  response.writeHead(200, { 'Content-Type': 'text/event-stream', 'Cache-Control': 'no-store' });
  pages.add(response);
  request.on('close', () => pages.delete(response));
  response.write(`retry: 1000\ndata: ${JSON.stringify({ options, counts })}\n\n`);
}

const server = http.createServer((request, response) => {
  const target = request.url.split('?')[0];
  if (request.method !== 'GET') {
    response.writeHead(405, { Allow: 'GET' }).end();
  } else if (target === '/') {
    response.writeHead(200, { 'Content-Type': 'text/html; charset=utf-8' }).end(page);
  } else if (target === '/events') {
    events(request, response);
  } else if (target === '/counts') {
    response.writeHead(counts ? 200 : 503, { 'Content-Type': 'application/json', 'Cache-Control': 'no-store' });
    response.end(JSON.stringify(counts) + '\n');
  } else if (target === '/healthz') {
    response.writeHead(counts ? 200 : 503, { 'Content-Type': 'text/plain' }).end(counts ? 'ok\n' : 'no database\n');
  } else {
    response.writeHead(404).end();
  }
});

setInterval(() => { for (const response of pages) response.write(':\n\n'); }, KEEP_ALIVE_MILLISECONDS).unref();

process.on('SIGTERM', () => {
  for (const response of pages) response.end();
  server.close(() => process.exit(0));
  server.closeIdleConnections();
});

server.listen(PORT, () => console.log(`result: listening on ${PORT}`));
follow();
