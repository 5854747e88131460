import FoundationEssentials
import HTTPServing

/// What clients may do with the objects of all kinds: between an API, which knows addresses and forms, and the store, which knows
/// documents and revisions.
///
/// Errors are `StatusError` where the client is to know them. Calls may block as the store's do.
public struct ObjectService: Sendable {
  public let store: any ObjectStore
  public let catalog: KindCatalog
  let admission: [any ObjectAdmission]
  /// Kinds whose objects are made with regard to all others.
  private let completing = Turnstile()

  /// How often a change that is not bound to a revision is tried anew where others were quicker.
  static let maxTries = 10
  static let maxGeneratedNames = 8
  static let namespaces = ResourceName(group: "", resource: "namespaces")

  /// - Parameter admission: complete new objects, one after the other; without any they stay as they were sent.
  public init(store: any ObjectStore, catalog: KindCatalog, admission: any ObjectAdmission...) {
    self.store = store
    self.catalog = catalog
    self.admission = admission
  }

  func key(_ kind: Kind, _ namespace: String, _ name: String) -> ObjectKey {
    ObjectKey(kind.resource, namespace: kind.isNamespaced ? namespace : "", name: name)
  }

  /// Runs work of the store for one object, its refusals told as a client expects.
  func translating<R>(_ kind: Kind, _ name: String, _ work: () async throws -> R) async throws -> R {
    do {
      return try await work()
    } catch let error as StorageError {
      throw StatusError(error, kind.resource, name)
    }
  }

  func stored(_ kind: Kind, _ namespace: String, _ name: String) async throws -> StoredObject {
    guard let object = try await store.get(key(kind, namespace, name)) else {
      throw StatusError.notFound(kind.resource, name)
    }
    return object
  }

  func draft(_ kind: Kind, _ object: JSONValue) -> ObjectDraft {
    var fields: [String: String] = [:]
    for field in kind.selectableFields {
      let value = field.value(object)
      if !value.isEmpty { fields[field.name] = value }
    }
    return ObjectDraft(object, attributes: ObjectAttributes(labels: object.meta.labels, fields: fields))
  }

  /// Runs the write of an object; of a kind that fills in what its other objects have left, alone.
  func completing<R>(_ kind: Kind, _ write: () async throws -> R) async throws -> R {
    kind.rules.complete == nil ? try await write() : try await completing.through(write)
  }

  /// Fills in what depends on the other objects of the kind. Within `completing`. Gives what is wrong.
  func complete(_ kind: Kind, _ object: inout JSONValue, old: JSONValue?) async throws -> [FieldError] {
    guard let complete = kind.rules.complete else { return [] }
    let own = object.meta
    let others = try await store.collect(ListRequest(kind.resource)) { other in
      try other.key.name == own.name && other.key.namespace == own.namespace ? nil : other.value()
    }.items
    return complete(&object, old, others)
  }

  static func newUID() -> String { UUID().uuidString.lowercased() }
}

/// The outcome of a change.
public struct WriteResult: Sendable {
  /// The object as JSON text.
  public var document: [UInt8]
  public var warnings: [String]
  /// Whether it was not there before.
  public let isCreated: Bool

  public init(document: [UInt8], warnings: [String], isCreated: Bool) {
    self.document = document
    self.warnings = warnings
    self.isCreated = isCreated
  }
}
