import KubeMachinery
import KubeResources

/// Which of the server's pods this node takes. Pure.
///
/// The agent makes folders, mounts and records by the names in a pod's document, as root: it takes none that it would not have
/// got from a server in its right mind.
enum PodAdmission {
  /// What is wrong with a pod's names; nil where nothing is.
  static func problem(_ pod: PodDocument) -> String? {
    let (identity, meta) = (pod.identity, pod.meta)
    func shown(_ text: String) -> String { GoText.quoted(String(text.prefix(100))) }
    guard isUUID(identity.uid) else { return "the uid \(shown(identity.uid)) is no UUID" }
    guard NameRule.label.problems(identity.namespace, isPrefix: false).isEmpty,
      NameRule.subdomain.problems(meta.name, isPrefix: false).isEmpty
    else { return "\(shown("\(identity.namespace)/\(meta.name)")) is no name of a pod" }
    for volume in pod.spec.listAt("volumes").map({ $0.textAt("name") }) where !isLabel(volume) {
      return "\(shown(volume)) is no name of a volume, in pod \(identity.uid)"
    }
    for container in pod.allContainers where !isLabel(container.name) {
      return "\(shown(container.name)) is no name of a container, in pod \(identity.uid)"
    }
    return nil
  }

  private static func isLabel(_ text: String) -> Bool { NameRule.label.problems(text, isPrefix: false).isEmpty }

  /// As RFC 9562 writes it, in letters of either case.
  private static func isUUID(_ text: String) -> Bool {
    let parts = text.split(separator: "-", omittingEmptySubsequences: false)
    return parts.map(\.utf8.count) == [8, 4, 4, 4, 12]
      && parts.allSatisfy { part in
        part.utf8.allSatisfy { byte in
          switch byte {
          case 48...57, 65...70, 97...102: true
          default: false
          }
        }
      }
  }

  /// Whether a text names a file in a folder, and none elsewhere.
  static func isName(_ text: String) -> Bool {
    !text.isEmpty && text != "." && text != ".." && !text.utf8.contains { $0 == 47 || $0 == 0 }
  }

  struct Refusal: Equatable {
    let reason: String
    let message: String
  }

  /// Whoever names a node himself passes the scheduler by: what is more than the node's capacity is refused here. A pod that has
  /// begun already stays. Source: Kubernetes *Node capacity*; `OutOfpods` of the kubelet's admission.
  static func refusal(_ pod: PodDocument, used: Int, capacity: Int64) -> Refusal? {
    guard !pod.hasEnded, !pod.isTerminating, pod.status.textAt("startTime").isEmpty, Int64(used) >= capacity else {
      return nil
    }
    return Refusal(
      reason: "OutOfpods",
      message: "Node didn't have enough resource: pods, requested: 1, used: \(used), capacity: \(capacity)")
  }

  /// The order in which pods that come together are taken: those that have begun, then by their age.
  static func comesFirst(_ one: PodDocument, _ other: PodDocument) -> Bool {
    func rank(_ pod: PodDocument) -> (Int, String, String) {
      (pod.status.textAt("startTime").isEmpty ? 1 : 0, pod.meta.creationTimestamp, pod.identity.uid)
    }
    return rank(one) < rank(other)
  }
}
