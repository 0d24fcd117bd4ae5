// Installs the other versions of Node.js that the tests run the package with. Without them those tests are skipped,
// except in CI.
import { args } from './lib/args.mjs'
import { fail, step } from './lib/log.mjs'
import { installNode, nodeBinary, nodes } from './lib/nodes.mjs'

args(`
node scripts/install-nodes.mjs

Installs Node.js ${[nodes.old, ...nodes.later].join(', ')} below ~/.cache/armature/node, with python3's pip.
`)

for (const version of [nodes.old, ...nodes.later]) {
  const problem = await installNode(version)
  if (problem) fail(`Node.js ${version} cannot be installed`, problem, 'It needs python3 with pip.')
  step(`Node.js ${version}: ${nodeBinary(version)}`)
}
