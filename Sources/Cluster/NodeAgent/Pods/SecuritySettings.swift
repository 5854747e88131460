import HTTPServing
import KubeMachinery
import KubeResources

/// Security contexts as the runtime knows them: the container's own settings win over the pod's.
/// Source: Kubernetes *Configure a Security Context for a Pod or Container*.
enum SecuritySettings {
  static func sandbox(_ pod: PodDocument) -> SecurityRequest {
    let context = pod.spec["securityContext"] ?? [:]
    var request = SecurityRequest()
    request.user = context["runAsUser"]?.integer
    request.group = context["runAsGroup"]?.integer
    request.supplementalGroups = groups(context)
    if let profile = profile(context["seccompProfile"]) { request.seccomp = profile }
    request.isPrivileged = pod.allContainers.contains { $0.document.flagAt("securityContext", "privileged") }
    return request
  }

  static func container(_ container: ContainerDocument, of pod: PodDocument) -> SecurityRequest {
    let shared = pod.spec["securityContext"] ?? [:]
    let own = container.document["securityContext"] ?? [:]
    var request = SecurityRequest()
    request.user = own["runAsUser"]?.integer ?? shared["runAsUser"]?.integer
    request.group = own["runAsGroup"]?.integer ?? shared["runAsGroup"]?.integer
    request.supplementalGroups = groups(shared)
    request.isPrivileged = own.flagAt("privileged")
    request.hasReadOnlyRoot = own.flagAt("readOnlyRootFilesystem")
    request.forbidsNewPrivileges = own["allowPrivilegeEscalation"]?.flag == false
    request.addedCapabilities = own.listAt("capabilities", "add").compactMap(\.text)
    request.droppedCapabilities = own.listAt("capabilities", "drop").compactMap(\.text)
    request.seccomp =
      request.isPrivileged
      ? .unconfined : profile(own["seccompProfile"]) ?? profile(shared["seccompProfile"]) ?? .runtimeDefault
    request.appArmor = profile(own["appArmorProfile"]) ?? profile(shared["appArmorProfile"])
    request.hasMaskedPaths = own.textAt("procMount") != "Unmasked" && !request.isPrivileged
    return request
  }

  private static func groups(_ context: JSONValue) -> [Int64] {
    var groups = context.listAt("supplementalGroups").compactMap(\.integer)
    if let own = context["fsGroup"]?.integer, !groups.contains(own) { groups.append(own) }
    return groups
  }

  private static func profile(_ value: JSONValue?) -> SecurityRequest.Profile? {
    guard let value else { return nil }
    switch value.textAt("type") {
    case "Unconfined": return .unconfined
    case "Localhost": return .localhost(value.textAt("localhostProfile"))
    case "RuntimeDefault": return .runtimeDefault
    default: return nil
    }
  }

  /// Why the container must not start as this user; nil where it may. Source: Kubernetes `runAsNonRoot`.
  static func refusal(_ container: ContainerDocument, of pod: PodDocument, image: ImageRecord) -> String? {
    let shared = pod.spec["securityContext"] ?? [:]
    let own = container.document["securityContext"] ?? [:]
    guard own["runAsNonRoot"]?.flag ?? shared["runAsNonRoot"]?.flag ?? false else { return nil }
    let place = "(pod: \"\(pod.shown)\", container: \(container.name))"
    if let user = own["runAsUser"]?.integer ?? shared["runAsUser"]?.integer {
      return user == 0 ? "container's runAsUser breaks non-root policy \(place)" : nil
    }
    if let user = image.userID {
      return user == 0 ? "container has runAsNonRoot and image will run as root \(place)" : nil
    }
    if !image.userName.isEmpty {
      return
        "container has runAsNonRoot and image has non-numeric user (\(image.userName)), cannot verify user is non-root \(place)"
    }
    return "container has runAsNonRoot and image will run as root \(place)"
  }
}
