import Model
import OCITypes

/// A client's wish for capabilities: what to add to and drop from the standard set.
public struct CapabilityRequest: Sendable, Equatable {
  /// Longest list of names taken from a client.
  static let maximumNames = 128

  public var addsAll: Bool
  public var added: Set<Capability>
  public var dropsAll: Bool
  public var dropped: Set<Capability>

  /// Reads the names of `--cap-add` and `--cap-drop`; throws `invalidArgument` naming the first unknown one.
  public init(adding: [String], dropping: [String]) throws {
    (addsAll, added) = try Self.parse(adding, field: "CapAdd", .capabilitiesAdded)
    (dropsAll, dropped) = try Self.parse(dropping, field: "CapDrop", .capabilitiesDropped)
  }

  /// The set asked for. `permitted` bounds what `ALL` means; names added one by one are checked by the policy
  /// beforehand.
  public func capabilities(permitted: Set<Capability>) -> Set<Capability> {
    if addsAll { return permitted.union(Capability.standard).union(added).subtracting(dropped) }
    if dropsAll { return added }
    return Capability.standard.subtracting(dropped).union(added)
  }

  private static func parse(
    _ names: [String], field: String, _ setting: ContainerSetting
  ) throws -> (Bool, Set<Capability>) {
    guard names.count <= maximumNames else {
      throw PlatformError(.invalidArgument, "invalid \(field): more than \(maximumNames) names").about(setting)
    }
    var all = false
    var found: Set<Capability> = []
    for name in names {
      let upper = name.uppercased()
      if upper == "ALL" || upper == "CAP_ALL" {
        all = true
      } else if let capability = Capability(named: name) {
        found.insert(capability)
      } else {
        let shown = upper.hasPrefix("CAP_") ? upper : "CAP_" + upper
        throw PlatformError(.invalidArgument, "invalid \(field): unknown capability: \"\(shown.prefix(100))\"")
          .about(setting, name)
      }
    }
    return (all, found)
  }
}

extension ProcessSpec.Capabilities {
  /// The five sets for a process of `uid`: like execve(2) does, only root has them effective and permitted; for others
  /// they are the bound of what a set-user-id program may get. Nothing is ever inheritable or ambient.
  public init(_ capabilities: Set<Capability>, uid: UInt32) {
    let names = capabilities.sorted().map(\.rawValue)
    let held = uid == 0 ? names : []
    self.init(bounding: names, effective: held, inheritable: [], permitted: held, ambient: [])
  }
}
