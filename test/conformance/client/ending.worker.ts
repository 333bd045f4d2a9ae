/** The same engine in a thread that ends itself when it is told to. */
import { parentPort } from 'node:worker_threads'

export { default } from './node.worker.ts'

parentPort?.on('message', message => {
  if (message === 'end') process.exit()
})
