// Publishes the tarballs of packRelease().
import { run } from '../lib/run.mjs'

const npm = (args, env) => run('npm', args, { env, stdout: 'pipe', stderr: 'pipe' })

async function isPublished(spec, env) {
  const { code, stdout } = await npm(['view', spec, 'version'], env)
  return code === 0 && stdout.trim() !== ''
}

/**
 * Publishes the platform packages, then the root, which nobody can install without them, then what needs the root. What the registry has
 * already is left alone: an interrupted release is completed by publishing again. `flags` go to `npm publish`.
 * Resolves to `[{ name, published }]`.
 */
export async function publishRelease({ root, platforms, packages, version, flags = [], env }) {
  const done = []
  for (const { name, file } of [...platforms, root, ...packages]) {
    const published = !(await isPublished(`${name}@${version}`, env))
    if (published) {
      const { code, stdout, stderr } = await npm(['publish', file, '--access', 'public', ...flags], env)
      if (code !== 0) throw new Error(`npm publish ${name} ended with code ${code}\n${stdout}${stderr}`)
    }
    done.push({ name, published })
  }
  return done
}
