// nginx as a careful administrator has it for static files.
import { spawnSync } from 'node:child_process'
import { mkdirSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'

// Debian has it where only root looks.
const PATH = `${process.env.PATH}:/usr/sbin`

const configuration = (port, files) => `${process.getuid() === 0 ? 'user root;\n' : ''}worker_processes 1;
daemon off;
pid nginx.pid;
events {
  worker_connections 1024;
}
http {
  default_type application/octet-stream;
  access_log off;
  sendfile on;
  tcp_nopush on;
  keepalive_requests 1000000000;
  open_file_cache max=1000 inactive=60s;
${['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map((name) => `  ${name}_temp_path tmp;`).join('\n')}
  server {
    listen 127.0.0.1:${port};
    root ${files};
  }
}
`

/** Its version, undefined where it is missing. */
export function nginxVersion() {
  const { stderr } = spawnSync('nginx', ['-v'], { env: { ...process.env, PATH }, encoding: 'utf8' })
  return /nginx\/(\S+)/.exec(stderr ?? '')?.[1]
}

async function freePort() {
  const server = createServer()
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address()
  await new Promise((resolve) => server.close(resolve))
  return port
}

/** The contender that serves `files`, with what it writes in `folder`. */
export async function nginx(folder, files) {
  const port = await freePort()
  const prefix = join(folder, 'nginx')
  mkdirSync(prefix)
  writeFileSync(join(prefix, 'nginx.conf'), configuration(port, files))
  return {
    command: ['nginx', '-p', prefix, '-c', 'nginx.conf', '-e', 'stderr'],
    env: { PATH },
    javascript: false,
    port,
  }
}
