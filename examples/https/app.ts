import { App } from '@armature/core'

/** The application without a socket: `server.ts` runs it, tests call it. */
export function createApp() {
  return App.new()
    .wrap(async (req, next) => {
      const response = await next()
      // Browsers that were here once come by HTTPS from then on. Minutes while you try it, a year when it is right.
      return req.secure ? response.header('strict-transport-security', 'max-age=300') : response
    })
    .get('/', (req) => ({
      protocol: req.protocol,
      secure: req.secure,
      // What was agreed on in the handshake.
      version: req.tls?.version,
      cipher: req.tls?.cipher,
      serverName: req.tls?.serverName,
    }))
}
