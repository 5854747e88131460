import Glibc

/// Waits for what happens outside this process, with an end: the only place of these tests that lets time pass.
enum Waiting {
  static let stepMicroseconds: UInt32 = 10_000

  /// Asks until the answer is true or the time is over; whether it became true.
  static func until(seconds: Double = 10, _ condition: () throws -> Bool) rethrows -> Bool {
    let clock = ContinuousClock()
    let deadline = clock.now + .seconds(seconds)
    while true {
      if try condition() { return true }
      if clock.now >= deadline { return false }
      usleep(stepMicroseconds)
    }
  }
}
