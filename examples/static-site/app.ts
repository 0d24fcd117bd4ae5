import { App, HttpResponse, SecurityHeaders } from '@armature/core'

/** `folder` has the site: `index.html`, and in `assets` what never changes under the same name. */
export function createApp(folder = process.env.SITE ?? 'public') {
  return (
    App.new()
      .wrap(SecurityHeaders.default())
      .get('/api/time', () => ({ time: new Date() }))
      .get('/licence', () => HttpResponse.file('licence.txt', { root: folder, download: 'LICENCE.txt' }))
      // Names with a hash of their content may be kept for ever; the others are asked for each time.
      .files('/assets', `${folder}/assets`, {
        precompressed: true,
        cacheControl: 'public, max-age=31536000, immutable',
      })
      // Pages that only the script in index.html knows are answered with it.
      .files('/', folder, { fallback: 'index.html' })
  )
}
