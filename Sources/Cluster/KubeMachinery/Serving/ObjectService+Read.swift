import HTTPServing

extension ObjectService {
  /// One object. Throws `StatusError`: 404, 504 (a revision that has not come yet).
  /// - Parameter revision: not older than that.
  public func get(
    _ kind: Kind, in namespace: String, _ name: String, notOlderThan revision: Int64? = nil
  ) async throws -> StoredObject {
    if let revision, revision > store.revision {
      throw StatusError.revisionAhead(revision, current: store.revision)
    }
    return try await stored(kind, namespace, name)
  }

  /// A page of a list, and what its `metadata` says.
  public struct Listing: Sendable {
    public let objects: [StoredObject]
    public let revision: Int64
    public let continueToken: String
    public let remaining: Int?

    public var metadata: JSONValue {
      var metadata: JSONValue = ["resourceVersion": .string(String(revision))]
      if !continueToken.isEmpty { metadata["continue"] = .string(continueToken) }
      if let remaining { metadata["remainingItemCount"] = .integer(Int64(remaining)) }
      return metadata
    }
  }

  /// What `item` makes of all objects that are selected, read in pages; nil leaves one out. Throws `StatusError`, and what `item` throws.
  public func collect<Item: Sendable>(
    _ kind: Kind, in namespace: String?, _ options: ListOptions, _ item: (StoredObject) throws -> Item?
  ) async throws -> [Item] {
    let request = ListRequest(
      kind.resource, namespace: kind.isNamespaced ? namespace : nil, matches: options.filter)
    return try await translating(kind, "") { try await store.collect(request, item).items }
  }

  /// Throws `StatusError`: 410, 504.
  public func list(_ kind: Kind, in namespace: String?, _ options: ListOptions) async throws -> Listing {
    var request = ListRequest(
      kind.resource, namespace: kind.isNamespaced ? namespace : nil, limit: options.limit, matches: options.filter)
    request.byteLimit = options.byteLimit
    if let token = options.continueToken {
      request.revision = token.revision
      request.after = token.after
    } else if let revision = options.resourceVersion, revision > 0 {
      // Without a word on how, a page of a revision is of exactly that.
      if options.match == .exact || options.match == nil && options.limit != nil {
        request.revision = revision
      } else if revision > store.revision {
        throw StatusError.revisionAhead(revision, current: store.revision)
      }
    }
    do {
      let list = try await store.list(request)
      // A page that shows the state now is followed by pages that do so.
      let isLoose = options.continueToken.map { $0.revision == nil } ?? false
      let token = list.next.map { ContinueToken(revision: isLoose ? nil : list.revision, after: $0).text } ?? ""
      return Listing(
        objects: list.objects, revision: list.revision, continueToken: token, remaining: list.remaining)
    } catch let error as StorageError {
      guard let token = options.continueToken, case .expired = error else {
        throw StatusError(error, kind.resource, "")
      }
      var expired = StatusError.expired(
        "The provided continue parameter is too old to display a consistent list result. You can start a new list"
          + " without the continue parameter, or use the continue token in this response to retrieve the remainder of"
          + " the results. Continuing with the provided token results in an inconsistent list - objects that were"
          + " created, modified, or deleted between the time the first chunk was returned and now may show up in the"
          + " list.")
      expired.continueToken = ContinueToken(revision: nil, after: token.after).text
      throw expired
    }
  }
}
