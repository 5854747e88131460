import HTTPServing
import KubeMachinery

/// Cares for one kind of object: says which keys a change concerns, and what is wanted for a key. Knows no clock and changes
/// nothing itself; the machine runs each key by at most one worker at a time.
public protocol Controller: Sendable {
  /// As events name their source: `replicaset-controller`.
  var name: String { get }
  /// Resources whose objects it has to see whole. It is told changes of every resource.
  var follows: Set<ResourceName> { get }
  /// Keys to look at after a change. They need not be of the changed object's resource.
  func keys(for change: ObservedChange, in index: ObjectIndex) -> [ObjectKey]
  /// What the index does not hold and has to be asked for.
  func questions(for key: ObjectKey, in index: ObjectIndex, at now: Timestamp) -> [Question]
  func plan(for key: ObjectKey, _ observed: Observation) -> Plan
  /// Keys to look at at the start, beside those of the objects that are there then.
  var standingKeys: [ObjectKey] { get }
}

extension Controller {
  public func questions(for key: ObjectKey, in index: ObjectIndex, at now: Timestamp) -> [Question] { [] }
  public var standingKeys: [ObjectKey] { [] }
}

/// Something that the store knows and the index does not.
public enum Question: Sendable, Hashable {
  case object(ObjectKey)
  /// A bounded number of the objects of all kinds in a namespace.
  case contents(namespace: String)
  /// A bounded number of the objects of one resource that were seen last before a moment.
  case objects(ResourceName, before: Timestamp)
}

/// What a controller decides from.
public struct Observation: Sendable {
  public let index: ObjectIndex
  /// Objects by question; of each only the metadata where `contents` asked.
  public let answers: [Question: [ClusterObject]]
  /// Why the last plan for the key could not be carried out; nil where it was.
  public let refusal: Refusal?
  public let now: Timestamp

  init(
    _ index: ObjectIndex, answers: [Question: [ClusterObject]] = [:], refusal: Refusal? = nil, now: Timestamp
  ) {
    self.index = index
    self.answers = answers
    self.refusal = refusal
    self.now = now
  }
}

/// A change that the server refused.
public struct Refusal: Sendable, Equatable {
  public enum Verb: Sendable { case create, delete, change }

  public let verb: Verb
  public let message: String
}
