import { isPrimary } from '@armature/core'
import { createApp } from './app.js'

// This module runs in every thread. In the workers run() does not listen: it serves beside the others.
createApp()
  .run({ workers: 4 })
  .then((server) => {
    if (isPrimary) console.log(`workers: ${server.url}, ${server.stats().lanes.length} threads`)
  })
