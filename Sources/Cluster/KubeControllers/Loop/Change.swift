import HTTPServing
import KubeMachinery

/// An object that a change is about, as it was when the change was decided.
public struct Target: Sendable, Equatable {
  public let key: ObjectKey
  public let uid: String
  /// The change is refused where the object is at another revision; nil: whatever its revision is.
  public let revision: Int64?

  public init(key: ObjectKey, uid: String, revision: Int64? = nil) {
    self.key = key
    self.uid = uid
    self.revision = revision
  }

  /// - Parameter isBound: to the revision that was seen.
  init(_ object: ClusterObject, isBound: Bool = true) {
    self.init(key: object.key, uid: object.uid, revision: isBound ? object.revision : nil)
  }
}

/// One wanted change of the cluster.
public struct Change: Sendable, Equatable {
  public enum Action: Sendable, Equatable {
    /// `object` has its name, or the prefix of one.
    case create(ResourceName, object: JSONValue)
    /// RFC 7386.
    case patch(Target, JSONValue)
    case patchStatus(Target, JSONValue)
    /// The whole status.
    case replaceStatus(Target, JSONValue)
    case delete(Target, DeleteOptions.Propagation?, graceSeconds: Int64?)
    case bind(Target, node: String)
    /// What keeps a namespace (`spec.finalizers`) is replaced.
    case finalize(Target, [String])
  }

  public let action: Action
  /// What is told once it is done, and where it is refused.
  public var success: Announcement?
  public var failure: Announcement?

  init(_ action: Action, success: Announcement? = nil, failure: Announcement? = nil) {
    self.action = action
    self.success = success
    self.failure = failure
  }

  static func create(
    _ resource: ResourceName, _ object: JSONValue, success: Announcement? = nil, failure: Announcement? = nil
  ) -> Change {
    Change(.create(resource, object: object), success: success, failure: failure)
  }

  static func patch(_ object: ClusterObject, _ patch: JSONValue) -> Change { Change(.patch(Target(object), patch)) }

  static func replaceStatus(_ object: ClusterObject, _ status: JSONValue) -> Change {
    Change(.replaceStatus(Target(object, isBound: false), status))
  }

  static func delete(
    _ object: ClusterObject, _ propagation: DeleteOptions.Propagation? = .background, graceSeconds: Int64? = nil,
    isBound: Bool = false, success: Announcement? = nil, failure: Announcement? = nil
  ) -> Change {
    Change(
      .delete(Target(object, isBound: isBound), propagation, graceSeconds: graceSeconds), success: success,
      failure: failure)
  }

  public static func == (one: Change, other: Change) -> Bool {
    one.action == other.action && one.success == other.success && one.failure == other.failure
  }
}

/// An event that users of `kubectl describe` read.
public struct Announcement: Sendable, Equatable {
  public enum Level: String, Sendable {
    case normal = "Normal"
    case warning = "Warning"
  }

  /// `ObjectReference` of what it is about.
  public let subject: JSONValue
  public let level: Level
  public let reason: String
  public var message: String
  /// The name that the server made, or the reason of the refusal, is written behind the message.
  public let addsOutcome: Bool

  public init(subject: JSONValue, _ level: Level, _ reason: String, _ message: String, addsOutcome: Bool = false) {
    self.subject = subject
    self.level = level
    self.reason = reason
    self.message = message
    self.addsOutcome = addsOutcome
  }

  init(
    _ object: ClusterObject, _ level: Level = .normal, _ reason: String, _ message: String, addsOutcome: Bool = false
  ) {
    self.init(subject: object.reference, level, reason, message, addsOutcome: addsOutcome)
  }
}

/// What a controller wants, having looked at one key.
public struct Plan: Sendable, Equatable {
  /// Done one group after the other, those of a group together. The first refusal ends it, and the key is looked at again.
  public var groups: [[Change]] = []
  public var announcements: [Announcement] = []
  /// When to look again though nothing changes; nil: never.
  public var lookAgain: Timestamp?

  init(_ changes: [Change] = [], lookAgain: Timestamp? = nil) {
    if !changes.isEmpty { groups = [changes] }
    self.lookAgain = lookAgain
  }

  public var changes: [Change] { groups.flatMap { $0 } }
  public var isEmpty: Bool { groups.isEmpty }

  mutating func add(_ changes: [Change]) { if !changes.isEmpty { groups.append(changes) } }

  mutating func look(at moment: Timestamp?) {
    guard let moment else { return }
    lookAgain = lookAgain.map { min($0, moment) } ?? moment
  }
}
