// Whose turn it is.

/** Every other time the other way round: what drifts then favours nobody. */
export const orderOf = (names, time) => (time % 2 === 1 ? names : [...names].reverse())

const OTHERS = 3

/**
 * The turns of one slice. The yardstick, the one that `isYardstick`, has one before every three others: it is a part of
 * every ratio, so that measuring it more often makes all of them steadier, and nobody is far from it.
 */
export function turnsOf(contenders, isYardstick, slice) {
  const yardstick = contenders.filter(isYardstick)
  const others = contenders.filter((each) => !isYardstick(each))
  const turns = [...yardstick]
  for (const [index, other] of others.entries()) {
    if (index > 0 && index % OTHERS === 0) turns.push(...yardstick)
    turns.push(other)
  }
  return orderOf(turns, slice)
}
