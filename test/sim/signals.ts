/**
 * Node keeps a signal of `AbortSignal.any` that is listened to until one of its sources aborts. In the killed processes of
 * a world none ever does, so that each world would stay in memory, all of it.
 */

type Listening = [signal: AbortSignal, ...rest: Parameters<AbortSignal['addEventListener']>]

/** From now on all are known that listen. Call the result at the world's end: nobody listens any more. One world at a time. */
export function hearSignals(): () => void {
  const listening: Listening[] = []
  const { addEventListener } = AbortSignal.prototype
  AbortSignal.prototype.addEventListener = function (this: AbortSignal, ...args: unknown[]) {
    listening.push([this, ...args] as Listening)
    return Reflect.apply(addEventListener, this, args)
  }
  return () => {
    Reflect.deleteProperty(AbortSignal.prototype, 'addEventListener') // it is EventTarget's
    for (const [signal, type, hear] of listening) signal.removeEventListener(type, hear as EventListener)
  }
}
