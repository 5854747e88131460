import HTTPServing

/// What an object is found by: its labels and the fields that selectors may name (`status.phase`).
public struct ObjectAttributes: Sendable, Equatable {
  public var labels: [String: String]
  /// Beside `metadata.name` and `metadata.namespace`, which the place tells.
  public var fields: [String: String]

  public init(labels: [String: String] = [:], fields: [String: String] = [:]) {
    self.labels = labels
    self.fields = fields
  }

  var isEmpty: Bool { labels.isEmpty && fields.isEmpty }
}

/// A state of an object, as it is stored and as it is sent.
public struct StoredObject: Sendable {
  public let key: ObjectKey
  /// Of the change that made this state; `metadata.resourceVersion` says the same.
  public let revision: Int64
  public let attributes: ObjectAttributes
  /// The whole document as JSON text.
  public let document: [UInt8]

  public init(key: ObjectKey, revision: Int64, attributes: ObjectAttributes, document: [UInt8]) {
    self.key = key
    self.revision = revision
    self.attributes = attributes
    self.document = document
  }

  public func value() throws -> JSONValue { try JSONParser.parse(checked: document) }

  /// What tables are made of: the object without the record of its fields' managers, and all of its metadata as text.
  func row() throws -> (value: JSONValue, metadata: ArraySlice<UInt8>) {
    let (value, range) = try JSONParser.parse(checked: document, leavingOut: "managedFields", of: "metadata")
    return (value, range.map { document[$0] } ?? ArraySlice("{}".utf8))
  }
}

/// A document that is to be stored: whole but for the revision, which is known when it is written.
public struct ObjectDraft: Sendable {
  public let attributes: ObjectAttributes
  private let head: [UInt8]
  private let tail: [UInt8]

  /// `metadata.resourceVersion` of the object is replaced.
  public init(_ object: JSONValue, attributes: ObjectAttributes) {
    self.attributes = attributes
    var object = object
    // An object made of what is none; the first of both branches below it cannot fail to find the member.
    object[path: ["metadata", "resourceVersion"]] = ""
    var encoder = ObjectEncoder(capacity: 2_048)
    var split = 0
    encoder.write(encoded: CollectionOfOne(UInt8(ascii: "{")))
    for (index, member) in object.members.enumerated() {
      if index > 0 { encoder.write(encoded: CollectionOfOne(UInt8(ascii: ","))) }
      encoder.write(name: member.name)
      guard member.name == "metadata" else {
        encoder.write(member.value)
        continue
      }
      encoder.write(encoded: CollectionOfOne(UInt8(ascii: "{")))
      for (index, member) in member.value.members.enumerated() {
        if index > 0 { encoder.write(encoded: CollectionOfOne(UInt8(ascii: ","))) }
        encoder.write(name: member.name)
        encoder.write(member.value)
        // Between the quotes of the empty text.
        if member.name == "resourceVersion" { split = encoder.bytes.count - 1 }
      }
      encoder.write(encoded: CollectionOfOne(UInt8(ascii: "}")))
    }
    encoder.write(encoded: CollectionOfOne(UInt8(ascii: "}")))
    head = Array(encoder.bytes[..<split])
    tail = Array(encoder.bytes[split...])
  }

  public var sizeBytes: Int { head.count + tail.count }

  func document(at revision: Int64) -> [UInt8] {
    var bytes: [UInt8] = []
    bytes.reserveCapacity(sizeBytes + 20)
    bytes.append(contentsOf: head)
    bytes.append(contentsOf: String(revision).utf8)
    bytes.append(contentsOf: tail)
    return bytes
  }
}

/// A change of an object.
public struct ObjectEvent: Sendable {
  public enum Change: Int64, Sendable {
    case added = 0
    case modified = 1
    case deleted = 2
  }

  public let change: Change
  /// The state after the change; of a deleted object the last one, with the deletion's revision.
  public let object: StoredObject
  /// What the object was found by before; nil where there was none.
  public let before: ObjectAttributes?

  public init(change: Change, object: StoredObject, before: ObjectAttributes?) {
    self.change = change
    self.object = object
    self.before = before
  }

  public var revision: Int64 { object.revision }

  /// What the change means to one who sees only what `matches`: an object that comes into his sight is added for him, one that
  /// leaves it is deleted. Nil where he saw and sees nothing.
  public func change(forSightOf matches: (ObjectKey, ObjectAttributes) -> Bool) -> Change? {
    let saw = before.map { matches(object.key, $0) } ?? false
    let sees = change != .deleted && matches(object.key, object.attributes)
    switch (saw, sees) {
    case (false, false): return nil
    case (false, true): return .added
    case (true, false): return .deleted
    case (true, true): return .modified
    }
  }
}
