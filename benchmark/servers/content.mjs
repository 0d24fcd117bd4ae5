// What is compressed, cached and sent: the same bytes for everybody, and the same in every run.

const words =
  'delivered with care to the front desk please ring twice if nobody answers leave it at the neighbour gift wrapping blue paper no plastic invoice by mail second floor left fragile keep upright call before arrival express standard return until thirty days warranty extended voucher applied loyalty points discount seasonal bundle replacement part refurbished limited edition'.split(
    ' ',
  )
const names = ['Alice', 'Bruno', 'Chidi', 'Dana', 'Emre', 'Fatima', 'Goran', 'Hana', 'Ines', 'Jonas']
const cities = ['Berlin', 'Lagos', 'Lisbon', 'Osaka', 'Quito', 'Toronto', 'Turin', 'Zagreb']
const states = ['new', 'paid', 'packed', 'sent', 'delivered', 'returned']

/** Numbers from 0 up to `below`, the same sequence for the same seed. */
function numbers(seed) {
  let state = seed
  return (below) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    return Math.floor((state / 2 ** 32) * below)
  }
}

function order(index) {
  const next = numbers(index + 1)
  const pick = (list) => list[next(list.length)]
  const hex = (digits) => Array.from({ length: digits }, () => next(16).toString(16)).join('')
  const name = pick(names)
  return {
    id: `${hex(8)}-${hex(4)}-4${hex(3)}-a${hex(3)}-${hex(12)}`,
    number: 100_000 + index,
    state: pick(states),
    createdAt: new Date(1_780_000_000_000 + index * 60_000 + next(60_000)).toISOString(),
    customer: { id: next(1_000_000), name, email: `${name.toLowerCase()}.${hex(4)}@example.com` },
    address: {
      street: `${pick(words)} street ${next(200)}`,
      city: pick(cities),
      zip: String(10_000 + next(90_000)),
    },
    items: Array.from({ length: 1 + next(3) }, () => ({
      sku: hex(10).toUpperCase(),
      quantity: 1 + next(5),
      price: next(100_000) / 100,
    })),
    note: Array.from({ length: 4 + next(16) }, () => pick(words)).join(' '),
  }
}

/** Orders as the API of a shop lists them, in a document of about `bytes`, at least. */
export function orders(bytes) {
  const list = []
  let size = 0
  while (size < bytes) {
    list.push(order(list.length))
    size += JSON.stringify(list.at(-1)).length + 1
  }
  return { orders: list, total: list.length }
}

/** What is cached. */
export const page = orders(2000)
/** What is compressed, 50 KB. */
export const report = orders(50_000)

/** At which all compress: the defaults of both. */
export const levels = { gzip: 6, br: 4 }

/** Sizes of the files, by name. */
export const files = { '1kb.bin': 1024, '100kb.bin': 100 * 1024, '10mb.bin': 10 * 1024 * 1024 }

/** The bytes of a file, which do not compress. */
export function bytesOf(name) {
  const next = numbers(files[name])
  return Buffer.from(Uint32Array.from({ length: files[name] / 4 }, () => next(2 ** 32)).buffer)
}
