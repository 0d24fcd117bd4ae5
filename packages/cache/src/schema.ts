/** What is used of a [Standard Schema](https://standardschema.dev): zod, valibot and others. */
export interface ValueSchema<T> {
  /** The interface of the standard. */
  readonly '~standard': {
    /** Of the standard. */
    readonly version: 1
    /** Who made it. */
    readonly vendor: string
    /** Checks a value. */
    readonly validate: (value: unknown) => Checked<T> | Promise<Checked<T>>
    /** Types alone. */
    readonly types?: { readonly input: unknown; readonly output: T } | undefined
  }
}

type Checked<T> = { readonly value: T; readonly issues?: undefined } | { readonly issues: readonly unknown[] }

/** Stands for a value that is not there, because `undefined` and `null` may be. */
export const ABSENT: unique symbol = Symbol('absent')

/** `value` as `schema` has it; {@link ABSENT} when it is not what the schema wants, as after a change of the program. */
export async function checked<T>(schema: ValueSchema<T>, value: unknown): Promise<T | typeof ABSENT> {
  const result = await schema['~standard'].validate(value)
  return result.issues === undefined ? result.value : ABSENT
}
