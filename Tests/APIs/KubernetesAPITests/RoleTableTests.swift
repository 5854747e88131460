import HTTPServing
import KubeMachinery
import KubeResources
import Testing

@testable import KubernetesAPI

/// Every default role on every resource and subresource of discovery by every verb, against `RoleTable`.
struct RoleTableTests {
  private struct NoPods: NodeAccess.Pods {
    func isBound(pod name: String, in namespace: String, to node: String) -> Bool { false }
    func isReferenced(_ resource: String, _ name: String, in namespace: String, by node: String) -> Bool { false }
  }

  private static let catalog = KindCatalog.complete.served
  private static let roles = DefaultRoles.objects.filter { $0.kind == "ClusterRole" }.map(\.meta.name)
  private static let agent = Requester(name: "system:node:n1", groups: ["system:nodes", Requester.authenticated])

  /// Resources of discovery.
  private static let served = catalog.kinds.flatMap { kind in
    [RoleTable.name(kind)] + kind.subresources.map { RoleTable.name(kind, $0) }
  }

  /// Each role is bound to a user of its name: in the namespace `x` those for people of a namespace, the others everywhere.
  private static let policy: AccessPolicy = {
    var policy = AccessPolicy()
    for object in DefaultRoles.objects { policy.put(object) }
    for role in roles {
      let isOfNamespace = ["admin", "edit", "view"].contains(role)
      var binding = APIFixture.binding(role, to: "holder of " + role, in: isOfNamespace ? "x" : nil)
      binding["metadata"]?["name"] = .string("test " + role)
      policy.put(binding)
    }
    return policy
  }()

  private static func holder(_ role: String) -> Requester { Requester(name: "holder of " + role, groups: []) }

  private static func target(_ name: String, in namespace: String, called object: String = "n") -> AccessRequest.Target
  {
    let parts = name.split(separator: "/", maxSplits: 1).map(String.init)
    let words = parts[0].split(separator: ".", maxSplits: 1).map(String.init)
    return .resource(
      AccessRequest.Resource(
        group: words.count == 2 ? words[1] : "", resource: words[0], subresource: parts.count == 2 ? parts[1] : "",
        namespace: namespace, name: object))
  }

  private static func may(_ role: String, _ verb: String, _ name: String, in namespace: String) -> Bool {
    policy.decide(AccessRequest(holder(role), verb, target(name, in: namespace))).isAllowed
  }

  @Test func theTableHasALineForEachResourceOfDiscovery() {
    #expect(Set(Self.served).subtracting(RoleTable.lines.keys).isEmpty)
    for (name, cells) in RoleTable.lines { #expect(cells.count == RoleTable.columns.count, "\(name)") }
    for (role, cells) in RoleTable.small {
      for name in cells.keys { #expect(RoleTable.lines[name] != nil, "\(role): \(name)") }
    }
    var known = Set(RoleTable.columns).union(RoleTable.small.keys)
    known.formUnion(["cluster-admin", "system:aggregate-to-edit", "system:aggregate-to-view"])
    #expect(Set(Self.roles).symmetricDifference(known) == ["agent"])
    #expect(RoleTable.verbs.count == 16)
  }

  @Test(arguments: RoleTable.columns.enumerated().map { ($0.offset, $0.element) }.filter { $0.1 != "agent" })
  func aRoleAllowsWhatItsColumnSays(_ column: Int, _ role: String) {
    let isOfNamespace = ["admin", "edit", "view"].contains(role)
    var wrong: [String] = []
    for (name, cells) in RoleTable.lines {
      let allowed = RoleTable.meaning(cells[column])
      for verb in RoleTable.verbs {
        for place in ["", "x", "y"] {
          let expected = allowed.contains(verb) && (place == "x" || !isOfNamespace)
          if Self.may(role, verb, name, in: place) != expected { wrong.append("\(verb) \(name) in '\(place)'") }
        }
      }
    }
    #expect(wrong == [])
  }

  @Test(arguments: RoleTable.small.keys.sorted())
  func aSmallRoleAllowsNothingElse(_ role: String) {
    var wrong: [String] = []
    for name in RoleTable.lines.keys {
      let allowed = RoleTable.meaning(RoleTable.small[role]?[name] ?? "-")
      for verb in RoleTable.verbs where Self.may(role, verb, name, in: "x") != allowed.contains(verb) {
        wrong.append("\(verb) \(name)")
      }
    }
    #expect(wrong == [])
  }

  /// Edit is what it adds to view; an administrator of the cluster may everything, and who is bound to nothing may nothing.
  @Test func aggregatesAreTheSumOfTheirParts() {
    let known = Requester(name: "bob", groups: [Requester.authenticated])
    var wrong: [String] = []
    for name in RoleTable.lines.keys {
      let basic = RoleTable.meaning(RoleTable.small["system:basic-user"]?[name] ?? "-")
      for verb in RoleTable.verbs {
        func allows(_ role: String) -> Bool { Self.may(role, verb, name, in: "x") }
        func may(_ requester: Requester) -> Bool {
          Self.policy.decide(AccessRequest(requester, verb, Self.target(name, in: "x"))).isAllowed
        }
        let view = allows("view")
        let parts = allows("system:aggregate-to-view") || allows("system:aggregated-metrics-reader")
        let edit = view || allows("system:aggregate-to-edit")
        let admin = edit || allows("system:aggregate-to-admin")
        var isRight = view == parts && allows("edit") == edit && allows("admin") == admin
        isRight = isRight && allows("cluster-admin") && !may(Requester.anonymous) && may(known) == basic.contains(verb)
        if !isRight { wrong.append("\(verb) \(name)") }
      }
    }
    #expect(wrong == [])
  }

  /// Both what depends on its pods, and what roles say: no role is bound to agents.
  @Test func anAgentWithoutPodsMayWhatItsColumnSays() throws {
    let access = try #require(NodeAccess(Self.agent))
    let column = try #require(RoleTable.columns.firstIndex(of: "agent"))
    var wrong: [String] = []
    for (name, cells) in RoleTable.lines {
      let basic = RoleTable.meaning(RoleTable.small["system:basic-user"]?[name] ?? "-")
      let expected = RoleTable.meaning(cells[column])
      for verb in RoleTable.verbs {
        let request = AccessRequest(Self.agent, verb, Self.target(name, in: "x"))
        if access.decide(request, NoPods()).isAllowed != expected.contains(verb) { wrong.append("\(verb) \(name)") }
        if Self.policy.decide(request).isAllowed != basic.contains(verb) { wrong.append("\(verb) \(name) by a role") }
      }
    }
    #expect(wrong == [])
  }

  @Test func leadersHaveTheirOwnLeaseOnly() {
    for (role, name) in [
      ("system:kube-scheduler", "kube-scheduler"), ("system:kube-controller-manager", "kube-controller-manager"),
    ] {
      for verb in ["get", "update"] {
        for lease in ["kube-scheduler", "kube-controller-manager", ""] {
          let target = Self.target("leases.coordination.k8s.io", in: "kube-system", called: lease)
          #expect(
            Self.policy.decide(AccessRequest(Self.holder(role), verb, target)).isAllowed == (lease == name),
            "\(role) \(verb) \(lease)")
        }
      }
    }
  }

  @Test func nobodyElseIsBoundFromTheBeginning() {
    let bindings = DefaultRoles.objects.filter { $0.kind != "ClusterRole" }
    #expect(bindings.allSatisfy { $0.kind == "ClusterRoleBinding" && $0["roleRef"]?["name"]?.text == $0.meta.name })
    let found = bindings.map { binding in
      (
        binding.meta.name,
        binding["subjects"]?.items.map { "\($0["kind"]?.text ?? "") \($0["name"]?.text ?? "")" } ?? []
      )
    }
    #expect(Dictionary(found) { $0 + $1 } == RoleTable.bindings)
  }

  @Test func addressesAreOpenToWhomTheTableSays() {
    var wrong: [String] = []
    for (path, allowed) in RoleTable.paths {
      for role in Self.roles {
        for method in ["get", "post", "put", "patch", "delete", "head", "*"] {
          let decision = Self.policy.decide(AccessRequest(Self.holder(role), method, .path(path)))
          let expected = role == "cluster-admin" || method == "get" && allowed.contains(role)
          if decision.isAllowed != expected { wrong.append("\(role) \(method) \(path)") }
        }
      }
    }
    #expect(wrong == [])
  }
}

/// The same table met by requests: what an address and a method amount to.
extension RoleTableTests {
  private static let users: [(role: String, name: String, place: String?)] = [
    ("admin", "ann", "default"), ("view", "vera", "default"), ("system:kube-scheduler", "system:kube-scheduler", nil),
  ]

  private static func address(_ kind: Kind, _ verb: String, _ subresource: Subresource?) -> String {
    let group = kind.name.group.isEmpty ? "/api" : "/apis/" + kind.name.group
    let place = kind.isNamespaced ? "/namespaces/default" : ""
    let whole = "\(group)/\(kind.name.version)\(place)/\(kind.plural)"
    // A role of a namespace holds for the namespace itself.
    let name = kind.name.kind == "Namespace" ? "default" : "n"
    let isOne = subresource != nil || ["get", "update", "patch", "delete"].contains(verb)
    let path = whole + (isOne ? "/" + name : "") + (subresource.map { "/" + $0.name } ?? "")
    return path + "?dryRun=All" + (verb == "watch" ? "&watch=true" : "")
  }

  private static let methods: [String: HTTPMethod] = [
    "get": .GET, "list": .GET, "watch": .GET, "create": .POST, "update": .PUT, "patch": .PATCH, "delete": .DELETE,
    "deletecollection": .DELETE,
  ]

  @Test func requestsAreJudgedAsTheTableSays() async throws {
    let bound = Self.users.compactMap { user in
      user.place.map { APIFixture.binding(user.role, to: user.name, in: $0) }
    }
    try await APIFixture.with(
      stranger: .anonymous, catalog: Self.catalog, objects: DefaultRoles.objects + bound
    ) { kube in
      var count = 0
      for (role, user, place) in Self.users {
        let column = try #require(RoleTable.columns.firstIndex(of: role))
        for kind in Self.catalog.kinds {
          let parts: [Subresource?] = [nil] + kind.subresources.map { Optional($0) }
          for subresource in parts {
            for verb in subresource?.verbs ?? kind.verbs {
              let name = RoleTable.name(kind, subresource)
              // Streams are opened by GET, too.
              let right = PodStreamCall.actions.contains(subresource?.name ?? "") ? "create" : verb
              let isThere =
                place == nil || kind.isNamespaced
                || kind.name.kind == "Namespace"
                  && (subresource != nil || ["get", "update", "patch", "delete"].contains(verb))
              let cells = try #require(RoleTable.lines[name])
              let basic = RoleTable.meaning(RoleTable.small["system:basic-user"]?[name] ?? "-")
              let expected = isThere && RoleTable.meaning(cells[column]).contains(right) || basic.contains(right)
              let method = try #require(Self.methods[verb])
              let answer = try await kube.call(
                // What stands in the body of a deletion counts instead of the address.
                method, Self.address(kind, verb, subresource), [.GET, .DELETE].contains(method) ? "" : "{}",
                [
                  "Authorization": "Bearer \(user)",
                  "Content-Type": method == .PATCH ? "application/merge-patch+json" : "application/json",
                ])
              #expect((answer.status != 403) == expected, "\(user) \(verb) \(name): \(answer.status) \(answer.text)")
              count += 1
            }
          }
        }
      }
      #expect(count > 600)
    }
  }
}
