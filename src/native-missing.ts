/** What to say when the addon cannot be loaded: the generated loader knows what it tried, not what helps. */
import { ArmatureError } from './errors.js'

/** Platforms with a package of their own, in the words of npm; package.json's `napi.targets` has the same. */
const PLATFORMS = [
  'darwin-arm64',
  'darwin-x64',
  'linux-arm64-gnu',
  'linux-arm64-musl',
  'linux-x64-gnu',
  'linux-x64-musl',
  'win32-x64-msvc',
]
const PACKAGE = '@armature/core-'

/** The error for what the loader of the addon threw. */
export function nativeMissing(failure: unknown): ArmatureError {
  const failures = messages(failure)
  const tried = failures.flatMap((message) => /^Cannot find module '([^']+)'/.exec(message)?.[1] ?? [])
  const [, named] = /(?:core-|armature\.)([\w-]+)(?:\.node)?$/.exec(tried.at(-1) ?? '') ?? []
  const platform = named ?? `${process.platform}-${process.arch}`
  const why = overridden(failures) ?? broken(failures) ?? missing(platform, tried)
  return new ArmatureError('ARMATURE_NATIVE_MISSING', { platform, why })
}

/** What the loader met, first to last: it chains them as causes, the last one outermost; WebAssembly, which we do not build, left out. */
function messages(failure: unknown): string[] {
  const found: string[] = []
  for (let error = failure; error instanceof Error; error = error.cause) {
    if (error.cause === undefined || error !== failure) found.unshift(error.message)
  }
  const native = found.filter((message) => !/\bwasi\b|wasm32/.test(message))
  return native.length > 0 ? native : [String(failure)]
}

function missing(platform: string, tried: readonly string[]): string {
  const places = tried.map((name) => name.replace('./', 'native/')).join(', ')
  const looked = places === '' ? '' : ` (tried: ${places})`
  if (!PLATFORMS.includes(platform)) {
    return `it is not one of the platforms with a binary: ${PLATFORMS.join(', ')}${looked}. Run it on one of these, or build it from source`
  }
  const others = PLATFORMS.filter((name) => name !== platform && isInstalled(name))
  const state = isInstalled(platform) ? 'has lost its binary' : 'is not installed'
  const copied =
    others.length === 0
      ? ''
      : ` What is installed is for ${others.join(', ')}: node_modules was made on another kind of system, such as glibc (Debian) instead of musl (Alpine).`
  return (
    `the package ${PACKAGE}${platform}, an optional dependency of @armature/core, ${state}${looked}.${copied}` +
    ' Remove node_modules and package-lock.json and run `npm install` again, on the system that runs it and without' +
    ' --omit=optional: npm can lose optional dependencies that a lock file of another system left out' +
    ' (https://github.com/npm/cli/issues/4828)'
  )
}

/** A variable of the loader says what to load. */
function overridden([first]: readonly string[]): string | undefined {
  const path = process.env.NAPI_RS_NATIVE_LIBRARY_PATH
  if (!path) return undefined
  return `NAPI_RS_NATIVE_LIBRARY_PATH is '${path}' (${firstLine(first ?? '')}). Unset it, or let it name an addon that was built for this system`
}

/** A binary is there and does not load. */
function broken(failures: readonly string[]): string | undefined {
  const reason = failures.find((message) => !/^(Cannot find module '|Unsupported )/.test(message))
  if (reason === undefined) return undefined
  const remedy = /GLIBC/.test(reason)
    ? 'The C library of this system is older than the binary needs: use a newer system, or build from source'
    : 'The binary is damaged, or of another system: remove node_modules and run `npm install` again'
  return `${firstLine(reason)}. ${remedy}`
}

const firstLine = (text: string) => text.split('\n', 1)[0] ?? text

function isInstalled(platform: string): boolean {
  try {
    require.resolve(`${PACKAGE}${platform}/package.json`)
    return true
  } catch {
    return false
  }
}
