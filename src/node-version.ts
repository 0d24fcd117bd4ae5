/**
 * Says by name that Node.js is too old. The entries load this file first, and both are code that an old Node.js can
 * parse: what stands behind them is not, and would end in a SyntaxError that names nothing. So there is no import here,
 * no syntax after ES2015, and an Error of its own instead of one from errors.ts.
 */

// The floor of `engines` in package.json, about which npm only warns.
const [major, minor] = [20, 19]
const found = /^(\d+)\.(\d+)/.exec(process.versions.node)

if (found !== null) {
  const [has, hasMinor] = [Number(found[1]), Number(found[2])]
  if (has < major || (has === major && hasMinor < minor)) {
    const message = `Node.js ${process.versions.node} is too old for @armature/core: it needs ${major}.${minor} or newer (running: ${process.execPath})`
    throw Object.assign(new Error(message), { code: 'ARMATURE_NODE_VERSION' })
  }
}

export {}
