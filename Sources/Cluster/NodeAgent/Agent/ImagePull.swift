import FoundationEssentials
import HTTPServing
import KubeMachinery
import KubeResources

/// Has a container's image there. Source: Kubernetes *Images*, image pull policy.
struct ImagePull {
  let operations: PodOperations
  let container: ContainerDocument

  private var context: AgentContext { operations.context }

  /// Throws `StepFailure`, `CancellationError`.
  func image(_ sandbox: SandboxRequest) async throws -> ImageRecord {
    let name = container.image
    let policy = container.pullPolicy
    if policy != "Always", let found = try await known(name) {
      operations.announce("Pulled", "Container image \(GoText.quoted(name)) already present on machine", container)
      return found
    }
    if policy == "Never" {
      throw PodOperations.StepFailure(
        reason: "ErrImageNeverPull",
        message: "Container image \(GoText.quoted(name)) is not present with pull policy of Never")
    }
    operations.announce("Pulling", "Pulling image \(GoText.quoted(name))", container)
    let start = context.now()
    let reference = try await pull(name, sandbox)
    let milliseconds = max(0, (context.now().seconds - start.seconds) * 1_000)
    operations.announce(
      "Pulled", "Successfully pulled image \(GoText.quoted(name)) in \(milliseconds / 1_000)s", container)
    guard let found = try await known(reference) else {
      throw PodOperations.StepFailure(
        reason: "ImageInspectError", message: "the image \(GoText.quoted(name)) is not there after it was pulled")
    }
    return found
  }

  private func known(_ name: String) async throws -> ImageRecord? {
    do { return try await context.runtime.image(name) } catch let error as RuntimeFailure {
      throw PodOperations.StepFailure(reason: "ImageInspectError", error)
    }
  }

  /// With each of the pod's secrets that is for the registry, in turn; without any where none is.
  private func pull(_ name: String, _ sandbox: SandboxRequest) async throws -> String {
    let all = try await credentials(name)
    var last = RuntimeFailure(.other, "")
    for credentials in all.isEmpty ? [nil] : all.map(Optional.some) {
      do {
        return try await context.runtime.pullImage(name, credentials: credentials, pod: sandbox)
      } catch let error as RuntimeFailure {
        last = error
      }
    }
    throw PodOperations.StepFailure(
      reason: "ErrImagePull", message: "failed to pull image \(GoText.quoted(name)): \(last.message)", step: .image)
  }

  private func credentials(_ image: String) async throws -> [RegistryCredentials] {
    var found: [RegistryCredentials] = []
    for reference in operations.pod.spec.listAt("imagePullSecrets") {
      let path = [
        "api", "v1", "namespaces", operations.pod.identity.namespace, "secrets", reference.textAt("name"),
      ]
      do {
        let secret = try await context.cluster.send(ClusterRequest(.get, path))
        found += PullSecret(secret).credentials(for: image)
      } catch let error as StatusError where error.code == 404 || error.code == 403 {
        operations.announce(
          "FailedToRetrieveImagePullSecret",
          "Unable to retrieve some image pull secrets (\(reference.textAt("name"))); attempting to pull the image may not succeed.",
          container, isWarning: true)
      } catch let error as StatusError {
        throw PodOperations.StepFailure(reason: "ErrImagePull", message: error.message, step: .image)
      }
    }
    return found
  }
}

/// A secret with credentials of registries. Source: Kubernetes *Pull an Image from a Private Registry*.
struct PullSecret {
  static let standardRegistry = "docker.io"
  private let entries: [(host: String, entry: JSONValue)]

  init(_ secret: JSONValue) {
    let isOld = secret.textAt("type") == "kubernetes.io/dockercfg"
    let text = secret.textAt("data", isOld ? ".dockercfg" : ".dockerconfigjson")
    guard let data = Data(base64Encoded: text), let document = try? JSONParser.parse(Array(data)) else {
      entries = []
      return
    }
    let list = isOld ? document : document["auths"] ?? [:]
    entries = list.members.map { (host: $0.name, entry: $0.value) }
  }

  /// Those for the registry of an image.
  func credentials(for image: String) -> [RegistryCredentials] {
    let host = Self.registry(of: image)
    return entries.compactMap { item in
      guard Self.host(item.host) == host else { return nil }
      let (user, password) = Self.login(item.entry)
      guard !user.isEmpty else { return nil }
      return RegistryCredentials(userName: user, password: password, serverAddress: host)
    }
  }

  static func registry(of image: String) -> String {
    guard let slash = image.firstIndex(of: "/") else { return standardRegistry }
    let first = String(image[..<slash])
    return first.contains(".") || first.contains(":") || first == "localhost" ? first : standardRegistry
  }

  /// Of `https://index.docker.io/v1/`, `registry.example:5000`, `registry.example/project`.
  private static func host(_ key: String) -> String {
    var text = key[...]
    for scheme in ["https://", "http://"] where text.hasPrefix(scheme) { text = text.dropFirst(scheme.count) }
    let host = String(text.prefix { $0 != "/" })
    return ["index.docker.io", "registry-1.docker.io"].contains(host) ? standardRegistry : host
  }

  private static func login(_ entry: JSONValue) -> (String, String) {
    if let data = Data(base64Encoded: entry.textAt("auth")), !data.isEmpty {
      let parts = String(decoding: data, as: UTF8.self).split(
        separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
      if parts.count == 2 { return (String(parts[0]), String(parts[1])) }
    }
    return (entry.textAt("username"), entry.textAt("password"))
  }
}
