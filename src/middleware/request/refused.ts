import type { DecisionData } from '../../decision.js'
import type { ProblemDocument } from '../headers/problem.js'

/** Why a request is refused, and how it is answered where no `handler` does. */
export interface Refused {
  /** HTTP status: 429 by a limit or a block, 503 while the store cannot be asked, 403 by `denyList`. */
  readonly statusCode: number
  /** Media type of the body. */
  readonly contentType: string
  /** The body as it is sent. */
  readonly body: string
  /** ms until this request can pass, rounded up; undefined where no waiting helps. */
  readonly retryAfterMs: number | undefined
  /** The problem as RFC 9457 has it, also where `message` is the body. */
  readonly problem: ProblemDocument
  /** What was decided; undefined where no policy was asked: by `denyList`, a limit of 0, a cost that can never pass. */
  readonly decision: DecisionData | undefined
}
