extension ListRequest {
  /// Bytes of documents that the server reads at once for itself.
  public static let pageBytes = 1 << 20
}

extension ObjectStore {
  /// What `item` makes of each object of a list, all of one revision, without holding all their documents at once; nil leaves one out.
  /// Throws what `list` and `item` throw.
  public func collect<Item: Sendable>(
    _ request: ListRequest, _ item: (StoredObject) throws -> Item?
  ) async throws -> (items: [Item], revision: Int64) {
    var paged = request
    paged.byteLimit = ListRequest.pageBytes
    do {
      return try await pages(paged, item)
    } catch StorageError.expired where request.revision == nil {
      // History was shortened while the pages were read. What is read at once is of one moment.
      return try await pages(request, item)
    }
  }

  private func pages<Item: Sendable>(
    _ request: ListRequest, _ item: (StoredObject) throws -> Item?
  ) async throws -> (items: [Item], revision: Int64) {
    var request = request
    var items: [Item] = []
    while true {
      let page = try await list(request)
      items += try page.objects.compactMap(item)
      guard let next = page.next else { return (items, page.revision) }
      request.revision = page.revision
      request.after = next
    }
  }
}
