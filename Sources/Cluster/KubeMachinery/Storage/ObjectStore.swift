/// Objects with their history: what Kubernetes keeps in etcd.
///
/// One counter numbers all changes of all resources. A write is durable when its call returns; whoever reads after that sees
/// it. Every change is told once and in order to those who follow its resource, and a reader may look at any revision that
/// is not compacted. Calls may block, so they belong on threads that may.
public protocol ObjectStore: Sendable {
  /// Of the last change that readers see.
  var revision: Int64 { get }

  /// The state now, or nil.
  func get(_ key: ObjectKey) async throws -> StoredObject?

  /// Throws `StorageError` (`expired`, `revisionAhead`).
  func list(_ request: ListRequest) async throws -> ObjectList

  /// Changes one object. Throws `StorageError`: `alreadyExists`, `notFound`, `changed`, `overloaded`, `tooLarge`.
  func write(_ key: ObjectKey, _ write: ObjectWrite) async throws -> StoredObject

  /// The changes of a resource after a revision, as many as are at hand; waits where there is none. Ends with no events where
  /// `nudge` is called meanwhile. Throws `StorageError` (`expired`, `revisionAhead`), `CancellationError`.
  func events(of resource: ResourceName, in namespace: String?, after revision: Int64) async throws -> EventSlice

  /// Ends all waits of `events`, whose callers can tell their clients then how far they are.
  func nudge()
}

public enum ObjectWrite: Sendable {
  /// Where nothing is.
  case create(ObjectDraft)
  /// Where the state still is that of the revision.
  case update(ObjectDraft, expecting: Int64)
  /// As `update`; the draft is the last state, which followers are told.
  case delete(ObjectDraft, expecting: Int64)
}

/// What is wanted from a list.
public struct ListRequest: Sendable {
  public var resource: ResourceName
  /// Nil: all.
  public var namespace: String?
  /// The revision whose state is wanted; nil: now.
  public var revision: Int64?
  /// Only what comes after this place.
  public var after: ObjectPlace?
  /// At most so many; nil: all.
  public var limit: Int?
  /// At most so many bytes of documents, but one object at least; nil: all.
  public var byteLimit: Int?
  /// Nil: everything.
  public var matches: (@Sendable (ObjectKey, ObjectAttributes) -> Bool)?

  public init(
    _ resource: ResourceName, namespace: String? = nil, revision: Int64? = nil, after: ObjectPlace? = nil,
    limit: Int? = nil, matches: (@Sendable (ObjectKey, ObjectAttributes) -> Bool)? = nil
  ) {
    self.resource = resource
    self.namespace = namespace
    self.revision = revision
    self.after = after
    self.limit = limit
    self.matches = matches
  }
}

public struct ObjectList: Sendable {
  /// By namespace and name.
  public let objects: [StoredObject]
  /// Whose state this is.
  public let revision: Int64
  /// Where there may be more: the place after which to go on, at the same revision.
  public let next: ObjectPlace?
  /// How many more there are, where that is known.
  public let remaining: Int?
}

/// Changes of a resource in order.
public struct EventSlice: Sendable {
  public let events: [ObjectEvent]
  /// Up to which all changes are told: where to go on.
  public let revision: Int64
}

/// Why the store refused.
public enum StorageError: Error, Sendable, Equatable {
  case alreadyExists
  case notFound
  /// The object is not at the revision expected.
  case changed
  /// The revision was compacted away; `oldest` is the first one that is not.
  case expired(requested: Int64, oldest: Int64)
  /// The revision has not come yet.
  case revisionAhead(requested: Int64, current: Int64)
  /// Too many writes wait.
  case overloaded
  case tooLarge(sizeBytes: Int, limitBytes: Int)
}
