import LinuxSystem
import Model

/// Keeps blobs and layers from being collected while somebody works with them and no record names them yet.
public final class ContentLease: Sendable {
  private let ledger: LeaseLedger
  private let held = Locked<Set<Digest>>([])

  init(ledger: LeaseLedger) { self.ledger = ledger }

  deinit { ledger.release(held.withLock { $0 }) }

  /// Protects a blob or a chain id until this lease goes. Waits while a collection is under way.
  public func hold(_ digest: Digest) {
    let isNew = held.withLock { $0.insert(digest).inserted }
    if isNew { ledger.take(digest) }
  }
}

extension ContentLease {
  /// Ends the lease early and tells what it held.
  func end() -> Set<Digest> {
    let digests = held.withLock { held in
      defer { held = [] }
      return held
    }
    ledger.release(digests)
    return digests
  }
}

/// Counts leases, and makes leases and collections exclude each other.
final class LeaseLedger: Sendable {
  private let counts = Locked<[Digest: Int]>([:])

  func take(_ digest: Digest) { counts.withLock { $0[digest, default: 0] += 1 } }

  func release(_ digests: Set<Digest>) {
    counts.withLock { counts in
      for digest in digests {
        let left = (counts[digest] ?? 1) - 1
        counts[digest] = left > 0 ? left : nil
      }
    }
  }

  /// Runs a collection: no lease begins or ends meanwhile, and `body` may ask which digests are leased.
  func collect<Result>(_ body: (_ isLeased: (Digest) -> Bool) throws -> Result) rethrows -> Result {
    try counts.withLock { counts in
      let leased = counts
      return try body { leased[$0] != nil }
    }
  }
}
