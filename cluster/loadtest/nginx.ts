import { type ChildProcess, spawn } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { get } from 'node:http'
import { createServer } from 'node:net'
import { delimiter, join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'

const POLL_MS = 20
const PATIENCE_MS = 10_000

export interface Nginx {
  readonly url: string
  stop(): Promise<void>
}

/** Runs the server for as long as our end of its standard input is open, and takes its folder away. */
const SUPERVISE = `
  folder=$1; shift
  trap '' INT TERM HUP
  "$@" </dev/null 2>"$folder/error.log" &
  cat
  kill -TERM $!
  wait
  rm -rf "$folder"`

/** Each request goes to one gateway, in turn, and never to a second one: a check must not be charged twice. */
const config = (folder: string, port: number, gateways: readonly number[]) => `
daemon off;
worker_processes 1;
${process.getuid?.() === 0 ? 'user root;' : ''}
pid ${folder}/nginx.pid;
error_log stderr warn;
events { worker_connections 4096; }
http {
  access_log off;
  client_body_temp_path ${folder}/body;
  proxy_temp_path ${folder}/proxy;
  fastcgi_temp_path ${folder}/fastcgi;
  uwsgi_temp_path ${folder}/uwsgi;
  scgi_temp_path ${folder}/scgi;
  upstream gateways {
${gateways.map(gateway => `    server 127.0.0.1:${gateway} max_fails=0;`).join('\n')}
    keepalive 64;
  }
  server {
    listen 127.0.0.1:${port};
    keepalive_requests 1000000;
    # Longer than any run: a connection that is closed while a request is on its way to it looks like an error.
    keepalive_timeout 1h;
    location = /nginx { return 204; }
    location / {
      proxy_pass http://gateways;
      proxy_http_version 1.1;
      proxy_set_header Connection "";
      proxy_next_upstream off;
      proxy_read_timeout 60s;
    }
  }
}
`

/**
 * Starts Debian's nginx before the gateways, with a configuration and a port of its own.
 *
 * @param folder for all that it writes; it is removed when nginx ends, also when this process is killed
 */
export async function startNginx(folder: string, gateways: readonly number[]): Promise<Nginx> {
  const port = await freePort()
  const file = join(folder, 'nginx.conf')
  writeFileSync(file, config(folder, port, gateways))
  // Debian puts it where not every user's PATH leads.
  const env = { ...process.env, PATH: [process.env.PATH, '/usr/sbin', '/usr/local/sbin'].join(delimiter) }
  const command = ['nginx', '-p', folder, '-e', 'stderr', '-c', file]
  const child = spawn('sh', ['-c', SUPERVISE, 'supervise', folder, ...command], {
    env,
    stdio: ['pipe', 'ignore', 'ignore'],
  })
  const stop = () => end(child)
  for (let waitedMs = 0; waitedMs < PATIENCE_MS; waitedMs += POLL_MS) {
    if (await answers(port)) return { url: `http://127.0.0.1:${port}`, stop }
    await sleep(POLL_MS)
  }
  const log = readFileSync(join(folder, 'error.log'), 'utf8')
  await stop()
  throw new Error(
    `nginx did not answer on port ${port} in ${PATIENCE_MS / 1000} s: is it installed? ` +
      `scripts/setup brings it where it can; Debian, Ubuntu: sudo apt-get install nginx-light\n${log}`,
  )
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null) return
  const gone = new Promise(resolve => child.once('exit', resolve))
  child.stdin?.end()
  await gone
}

const answers = (port: number): Promise<boolean> =>
  new Promise(resolve => {
    get({ port, host: '127.0.0.1', path: '/nginx' }, response => {
      response.resume()
      resolve(response.statusCode === 204)
    }).on('error', () => resolve(false))
  })

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const probe = createServer().once('error', reject)
    probe.listen(0, '127.0.0.1', () => {
      const address = probe.address()
      probe.close(() => {
        if (address !== null && typeof address === 'object') resolve(address.port)
        else reject(new Error('the operating system named no free port'))
      })
    })
  })
}
