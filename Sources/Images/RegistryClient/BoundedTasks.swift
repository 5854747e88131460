/// Runs a job for each item, at most `limit` at once; the first failure ends them all and is thrown.
public func bounded<Item: Sendable>(
  _ items: [Item], limit: Int, _ body: @escaping @Sendable (Item) async throws -> Void
) async throws {
  try await withThrowingTaskGroup(of: Void.self) { group in
    for (index, item) in items.enumerated() {
      if index >= limit { try await group.next() }
      group.addTask { try await body(item) }
    }
    try await group.waitForAll()
  }
}
