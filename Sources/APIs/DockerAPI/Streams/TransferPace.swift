/// How long a client may let us wait for the next piece of an archive.
///
/// It begins with a fixed patience; waiting spends it and bytes earn it back, so that a pause is allowed but a trickle is not.
struct TransferPace {
  static let patienceMilliseconds: Int64 = 120_000
  /// Slower than this in the long run is too slow.
  static let bytesPerSecond: Int64 = 4_096

  private(set) var leftMilliseconds = patienceMilliseconds

  /// Accounts for one piece and the time it took to come.
  mutating func received(bytes: Int, afterMilliseconds waited: Int64) {
    let earned = Int64(bytes) * 1_000 / Self.bytesPerSecond
    leftMilliseconds = min(Self.patienceMilliseconds, leftMilliseconds - waited + earned)
  }

  /// The client has used up its time.
  var isSpent: Bool { leftMilliseconds <= 0 }
}
