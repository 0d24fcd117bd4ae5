import { setTimeout } from 'node:timers/promises'
import { log } from './log.js'

interface Order {
  id: string
  items: number
}

const orders = new Map<string, Order>([['7', { id: '7', items: 3 }]])

/** Knows nothing of requests, and its log lines name them all the same. */
export async function findOrder(id: string): Promise<Order | undefined> {
  log(`looks for order ${id}`)
  await setTimeout(1)
  const order = orders.get(id)
  log(order === undefined ? 'found nothing' : `found ${order.items} items`)
  return order
}
