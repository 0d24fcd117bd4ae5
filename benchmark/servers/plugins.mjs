// What Fastify's plugins are: of benchmark/plugins, a package of its own.
import { createRequire } from 'node:module'

const require = createRequire(new URL('../plugins/package.json', import.meta.url))

export const compress = require('@fastify/compress')
export const rateLimit = require('@fastify/rate-limit')
export const files = require('@fastify/static')
