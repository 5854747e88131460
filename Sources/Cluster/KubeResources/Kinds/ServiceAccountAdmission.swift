import HTTPServing
import KubeMachinery

/// Gives pods their service account, and what of it containers find at a place that clients of the API know: its token, the
/// certificate by which they know the server, and the namespace.
///
/// Source: Kubernetes *Managing Service Accounts*, *ServiceAccount admission controller*; *Configure Service Accounts for Pods*.
public struct ServiceAccountAdmission: ObjectAdmission {
  private static let pods = ResourceName(group: "", resource: "pods")
  private static let accounts = ResourceName(group: "", resource: "serviceaccounts")
  /// That every namespace is given by a controller, a moment after it was made.
  private static let standardAccount = "default"
  private static let mirrorAnnotation = "kubernetes.io/config.mirror"
  private static let volumePrefix = "kube-api-access-"
  private static let mountPath = "/var/run/secrets/kubernetes.io/serviceaccount"
  /// An hour, and seven seconds by which the tokens of these volumes are known.
  private static let tokenSeconds: Int64 = 3_607

  /// How often the standard account is looked for, and how long the breaks are.
  private let tries: Int
  private let pauseMilliseconds: Int64

  public init(tries: Int = 10, pauseMilliseconds: Int64 = 150) {
    self.tries = tries
    self.pauseMilliseconds = pauseMilliseconds
  }

  public func complete(_ object: inout JSONValue, of kind: Kind, in store: any ObjectStore) async throws {
    guard kind.resource == Self.pods else { return }
    let meta = object.meta
    // A generated name is no help to who reads why there is no pod.
    let shown = meta.generateName.isEmpty ? meta.name : meta.generateName
    let given = object.textAt("spec", "serviceAccountName")
    guard meta.annotations[Self.mirrorAnnotation] == nil else {
      if given.isEmpty { return }
      throw StatusError.forbidden(Self.pods, shown, "a mirror pod may not reference service accounts")
    }
    let name = given.isEmpty ? Self.standardAccount : given
    guard let account = try await account(name, in: meta.namespace, store) else {
      throw StatusError.forbidden(
        Self.pods, shown,
        "error looking up service account \(meta.namespace)/\(name): serviceaccount \(GoText.quoted(name)) not found")
    }
    object.change("spec") { spec in
      var generator = SystemRandomNumberGenerator()
      Self.complete(&spec, for: account, volume: GeneratedName.make(base: Self.volumePrefix, using: &generator))
    }
  }

  private func account(_ name: String, in namespace: String, _ store: any ObjectStore) async throws -> JSONValue? {
    let key = ObjectKey(Self.accounts, namespace: namespace, name: name)
    for left in (0..<(name == Self.standardAccount ? tries : 1)).reversed() {
      if let found = try await store.get(key) { return try found.value() }
      if left > 0 { try await Task.sleep(for: .milliseconds(pauseMilliseconds)) }
    }
    return nil
  }

  /// - Parameter volume: how the volume is called where one is needed.
  static func complete(_ spec: inout JSONValue, for account: JSONValue, volume: String) {
    spec["serviceAccountName"] = .string(account.meta.name)
    spec["serviceAccount"] = .string(account.meta.name)
    let secrets = account.listAt("imagePullSecrets")
    if spec.listAt("imagePullSecrets").isEmpty, !secrets.isEmpty { spec["imagePullSecrets"] = .array(secrets) }
    let isWanted =
      spec["automountServiceAccountToken"]?.flag ?? account["automountServiceAccountToken"]?.flag ?? true
    if isWanted { mountToken(in: &spec, volume: volume) }
  }

  /// Containers that mount something there, and pods that bring such a volume along, keep what they have.
  private static func mountToken(in spec: inout JSONValue, volume: String) {
    let present = spec.listAt("volumes").map { $0.textAt("name") }.first { $0.hasPrefix(volumePrefix) }
    let mount: JSONValue = ["name": .string(present ?? volume), "readOnly": true, "mountPath": .string(mountPath)]
    var isMounted = false
    for list in ["initContainers", "containers"] {
      spec.changeItems(list) { container in
        let mounts = container.listAt("volumeMounts")
        guard !mounts.contains(where: { $0.textAt("mountPath") == mountPath }) else { return }
        container["volumeMounts"] = .array(mounts + [mount])
        isMounted = true
      }
    }
    guard isMounted, present == nil else { return }
    let sources: JSONValue = [
      ["serviceAccountToken": ["expirationSeconds": .integer(tokenSeconds), "path": "token"]],
      ["configMap": ["name": "kube-root-ca.crt", "items": [["key": "ca.crt", "path": "ca.crt"]]]],
      [
        "downwardAPI": [
          "items": [["path": "namespace", "fieldRef": ["apiVersion": "v1", "fieldPath": "metadata.namespace"]]]
        ]
      ],
    ]
    spec["volumes"] = .array(
      spec.listAt("volumes") + [
        ["name": .string(volume), "projected": ["sources": sources, "defaultMode": 420]]
      ])
  }
}
