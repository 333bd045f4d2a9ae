/** The other end of `obedient` in `processes.ts`: says which orders it knows, and answers them. */
export function obey(orders: object): void {
  process.on('message', async ({ order, given }: { order: string; given: unknown[] }) => {
    try {
      const answer = await (orders as { [order: string]: (...given: unknown[]) => unknown })[order]?.(...given)
      if (process.connected) process.send?.({ answer })
    } catch (error) {
      process.send?.({ error: String(error) })
    }
  })
  process.send?.({ answer: Object.keys(orders) })
}
