import { nameOf, typeError } from '../errors.js'

/** @internal What is sent. @throws TypeError `ARMATURE_OPTION_INVALID` for anything but a string or bytes */
export function checkMessage(where: string, data: unknown): string | Uint8Array {
  if (typeof data === 'string' || data instanceof Uint8Array) return data
  if (ArrayBuffer.isView(data)) return new Uint8Array(data.buffer, data.byteOffset, data.byteLength)
  if (data instanceof ArrayBuffer) return new Uint8Array(data)
  throw typeError('ARMATURE_OPTION_INVALID', {
    option: where,
    value: nameOf(data),
    allowed: 'a string or bytes',
  })
}

/** @internal A topic. @throws TypeError `ARMATURE_OPTION_INVALID` for anything but a string */
export function checkTopic(where: string, topic: unknown): string {
  if (typeof topic === 'string') return topic
  throw typeError('ARMATURE_OPTION_INVALID', {
    option: `topic of ${where}`,
    value: nameOf(topic),
    allowed: 'a string',
  })
}
