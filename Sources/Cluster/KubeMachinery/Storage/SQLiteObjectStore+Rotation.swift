import Persistence

extension SQLiteObjectStore {
  /// Seals every record anew that was sealed with another key than the first one, so that older keys can be thrown away.
  ///
  /// Goes in steps; readers and writers go on meanwhile. What was encrypted with the old key may still lie in unused pages of the
  /// file until these are written over.
  /// - Returns: how many records there were.
  @discardableResult
  public func resealAll() throws -> Int {
    var count = 0
    var last: Int64 = 0
    while true {
      let page = try reader.read {
        try $0.revisions(of: Self.table, after: last, limit: 256, byteLimit: Self.readBytes).records
      }
      guard let end = page.last?.revision else { return count }
      let stale = try page.filter { !seal.isCurrent($0) }.map { try seal.resealed($0) }
      if !stale.isEmpty {
        try database.transaction { transaction in
          for record in stale {
            try transaction.reseal(
              record.revision, seal: record.seal, document: record.document, inRevisions: Self.table)
          }
        }
      }
      count += stale.count
      last = end
    }
  }
}
