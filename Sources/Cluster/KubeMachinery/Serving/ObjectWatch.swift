import HTTPServing

/// One client's watch: first what is there, where that is wanted, then every change that concerns it.
///
/// Holds no events but a page of what is there at the start: it knows how far it is and asks the store for what comes after, so that
/// a client that reads slowly costs nothing; where history was compacted meanwhile, it is told and ends.
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
  private var initial: [StoredObject]
  /// What is there at the start and was not read yet.
  private var rest: ListRequest?
  /// The end of what is there at the start is still to be told, as a bookmark.
  private var owesEnd: Bool
  /// Up to which all changes are told.
  public private(set) var revision: Int64

  /// Whether what is there at the start is not all told.
  public var isTellingInitial: Bool { !initial.isEmpty || rest != nil || owesEnd }
  /// Whether more of it is there than was read.
  public var hasMoreInitial: Bool { rest != nil }
  /// Of the documents of it that were read.
  public var initialBytes: Int { initial.reduce(0) { $0 + $1.document.count } }

  init(
    store: any ObjectStore, kind: Kind, namespace: String?, options: ListOptions, initial: [StoredObject] = [],
    rest: ListRequest? = nil, owesEnd: Bool = false, revision: Int64
  ) {
    self.store = store
    self.kind = kind
    self.namespace = namespace
    filter = options.filter
    allowsBookmarks = options.allowsBookmarks
    self.initial = initial
    self.rest = rest
    self.owesEnd = owesEnd
    self.revision = revision
  }

  /// The next events; waits until there are any, or until the store is nudged, which brings a bookmark where the client takes
  /// bookmarks, else an empty list.
  ///
  /// Throws `StatusError` (410, which is sent as an event of the type `ERROR`), `CancellationError`.
  public mutating func next() async throws -> [Event] {
    do {
      if isTellingInitial { return try await nextInitial() }
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

  /// A page of what is there at the start, all of one revision.
  private mutating func nextInitial() async throws -> [Event] {
    if initial.isEmpty, var request = rest {
      let list = try await store.list(request)
      initial = list.objects
      request.after = list.next
      rest = list.next == nil ? nil : request
    }
    var events = initial.map(Event.added)
    initial = []
    if rest == nil, owesEnd {
      owesEnd = false
      events.append(.bookmark(revision, endsInitial: true))
    }
    return events
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
        store: store, kind: kind, namespace: namespace, options: options, revision: start)
    }
    if from > store.revision { throw StatusError.revisionAhead(from, current: store.revision) }
    var request = ListRequest(kind.resource, namespace: namespace, matches: options.filter)
    request.byteLimit = options.byteLimit
    let list = try await translating(kind, "") { [request] in try await store.list(request) }
    request.revision = list.revision
    request.after = list.next
    return ObjectWatch(
      store: store, kind: kind, namespace: namespace, options: options, initial: list.objects,
      rest: list.next == nil ? nil : request,
      owesEnd: options.sendsInitialEvents == true && options.allowsBookmarks, revision: list.revision)
  }
}
