import HTTPServing
import KubeMachinery
import KubeResources

/// How many pods a deployment may have too many and too few while it replaces them.
struct RollingNumbers: Equatable {
  let surge: Int64
  let unavailable: Int64

  /// Shares of the wanted pods: what may be too many is rounded up, what may be missing down; both zero would stand still, and
  /// then one may be missing. Source: Kubernetes *Deployments*, max surge and max unavailable.
  init(_ deployment: ClusterObject) {
    let strategy = deployment.spec["strategy"] ?? [:]
    let wanted = deployment.wantedReplicas
    guard strategy.textAt("type") == "RollingUpdate" else {
      (surge, unavailable) = (0, 0)
      return
    }
    let rolling = strategy["rollingUpdate"] ?? [:]
    let surge = Self.resolve(rolling["maxSurge"], of: wanted, roundsUp: true)
    var unavailable = Self.resolve(rolling["maxUnavailable"], of: wanted, roundsUp: false)
    if surge == 0, unavailable == 0 { unavailable = 1 }
    self.surge = surge
    self.unavailable = min(unavailable, wanted)
  }

  /// No number of pods is greater, and so sums of a few of them are numbers still.
  static let most = Int64(Int32.max)

  /// A number or a share in percent; 0 for what is neither, at most `most`.
  static func resolve(_ value: JSONValue?, of total: Int64, roundsUp: Bool) -> Int64 {
    if let number = value?.integer { return min(max(0, number), most) }
    guard let text = value?.text, text.hasSuffix("%") else { return 0 }
    let digits = text.dropLast()
    guard !digits.isEmpty, digits.utf8.allSatisfy({ $0 >= 48 && $0 <= 57 }) else { return 0 }
    // Both are within 31 bits.
    let product = min(max(0, total), most) * min(Int64(digits) ?? most, most)
    return min((product + (roundsUp ? 99 : 0)) / 100, most)
  }
}

/// Names replica sets after what they make: a hash that is the same whatever the order of members.
enum TemplateHash {
  /// FNV-1a of 32 bits, in the letters that names are made of. `collisions`: how often the name was taken.
  static func of(_ template: JSONValue, collisions: Int64) -> String {
    var hash: UInt32 = 2_166_136_261
    func mix(_ bytes: some Sequence<UInt8>) {
      for byte in bytes { hash = (hash ^ UInt32(byte)) &* 16_777_619 }
    }
    mix(ordered(template).encoded())
    if collisions > 0 { mix(String(collisions).utf8) }
    return GeneratedName.encoded(String(hash))
  }

  private static func ordered(_ value: JSONValue) -> JSONValue {
    switch value {
    case .array(let items): .array(items.map(ordered))
    case .object(let members):
      .object(members.map { ($0.name, ordered($0.value)) }.sorted { $0.0.utf8.lexicographicallyPrecedes($1.0.utf8) })
    default: value
    }
  }
}
