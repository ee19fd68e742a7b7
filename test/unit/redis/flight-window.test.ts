import { expect, test } from 'vitest'
import { FlightWindow } from '../../../src/redis/flight-window.js'

function windowAfter(...roundTripsMs: number[]): number {
  const window = new FlightWindow()
  for (const roundTripMs of roundTripsMs) window.observe(roundTripMs)
  return window.size
}

test('two batches may be under way before anything is known, and on a link without delay', () => {
  expect(windowAfter()).toBe(2)
  expect(windowAfter(0.05)).toBe(2)
})

test('on a link of 1 ms eight may, so that none waits longer than an eighth of a round trip', () => {
  expect(windowAfter(1)).toBe(8)
})

test('never more than sixteen, however long the round trip', () => {
  expect(windowAfter(300)).toBe(16)
})

test('follows a link that changes, without jumping at one slow reply', () => {
  expect(windowAfter(0.25, 1)).toBeLessThan(4)
  expect(windowAfter(0.25, ...Array<number>(40).fill(1))).toBe(8)
  expect(windowAfter(1, ...Array<number>(60).fill(0.05))).toBe(2)
})
