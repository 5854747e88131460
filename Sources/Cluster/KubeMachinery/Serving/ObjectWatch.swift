import HTTPServing

/// One client's watch: first what is there, where that is wanted, then every change that concerns it.
///
/// Holds no events: it knows how far it is and asks the store for what comes after, so that a client that reads slowly costs
/// nothing; where history was compacted meanwhile, it is told and ends.
public struct ObjectWatch: Sendable {
  /// What is told to the client.
  public enum Event: Sendable {
    case added(StoredObject)
    case modified(StoredObject)
    case deleted(StoredObject)
    /// That all up to a revision is told; `endsInitial`: what was there at the start.
    case bookmark(Int64, endsInitial: Bool)

    public var object: StoredObject? {
      switch self {
      case .added(let object), .modified(let object), .deleted(let object): object
      case .bookmark: nil
      }
    }
  }

  private let store: any ObjectStore
  private let kind: Kind
  private let namespace: String?
  private let filter: (@Sendable (ObjectKey, ObjectAttributes) -> Bool)?
  private let allowsBookmarks: Bool
  private var initial: [Event]
  /// Up to which all changes are told.
  public private(set) var revision: Int64

  init(
    store: any ObjectStore, kind: Kind, namespace: String?, options: ListOptions, initial: [Event], revision: Int64
  ) {
    self.store = store
    self.kind = kind
    self.namespace = namespace
    filter = options.filter
    allowsBookmarks = options.allowsBookmarks
    self.initial = initial
    self.revision = revision
  }

  /// The next events; waits until there are any, or until the store is nudged, which brings a bookmark where the client takes
  /// bookmarks, else an empty list.
  ///
  /// Throws `StatusError` (410, which is sent as an event of the type `ERROR`), `CancellationError`.
  public mutating func next() async throws -> [Event] {
    if !initial.isEmpty {
      defer { initial = [] }
      return initial
    }
    do {
      let slice = try await store.events(of: kind.resource, in: namespace, after: revision)
      let before = revision
      revision = slice.revision
      let events = slice.events.compactMap(event)
      if events.isEmpty, slice.events.isEmpty, allowsBookmarks, revision >= before {
        return [.bookmark(revision, endsInitial: false)]
      }
      return events
    } catch StorageError.expired(let requested, let oldest) {
      throw StatusError.expired("too old resource version: \(requested) (\(oldest))")
    } catch let error as StorageError {
      throw StatusError(error, kind.resource, "")
    }
  }

  private func event(_ event: ObjectEvent) -> Event? {
    switch event.change(forSightOf: { key, attributes in filter?(key, attributes) ?? true }) {
    case nil: nil
    case .added: .added(event.object)
    case .modified: .modified(event.object)
    case .deleted: .deleted(event.object)
    }
  }
}

extension ObjectService {
  /// Begins a watch. Throws `StatusError` where what is there at the start cannot be told.
  public func watch(_ kind: Kind, in namespace: String?, _ options: ListOptions) async throws -> ObjectWatch {
    let namespace = kind.isNamespaced ? namespace : nil
    let from = options.resourceVersion ?? 0
    let wantsInitial = options.sendsInitialEvents ?? (from == 0)
    guard wantsInitial else {
      // Without initial events and without a revision: what comes from now on.
      let start = from == 0 ? store.revision : from
      if start > store.revision { throw StatusError.revisionAhead(start, current: store.revision) }
      return ObjectWatch(
        store: store, kind: kind, namespace: namespace, options: options, initial: [], revision: start)
    }
    if from > store.revision { throw StatusError.revisionAhead(from, current: store.revision) }
    let list = try await translating(kind, "") {
      try await store.list(ListRequest(kind.resource, namespace: namespace, matches: options.filter))
    }
    var initial = list.objects.map { ObjectWatch.Event.added($0) }
    if options.sendsInitialEvents == true, options.allowsBookmarks {
      initial.append(.bookmark(list.revision, endsInitial: true))
    }
    return ObjectWatch(
      store: store, kind: kind, namespace: namespace, options: options, initial: initial, revision: list.revision)
  }
}
