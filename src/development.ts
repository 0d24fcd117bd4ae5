let development: boolean | undefined

/** @internal Whether answers may show what is inside: NODE_ENV is not `production`. Read once. */
export function isDevelopment(): boolean {
  development ??= process.env.NODE_ENV !== 'production'
  return development
}

/** @internal For tests; `undefined` reads NODE_ENV again. */
export function setDevelopment(value: boolean | undefined): void {
  development = value
}
