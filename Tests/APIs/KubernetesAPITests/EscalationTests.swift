import HTTPServing
import KubeMachinery
import KubeResources
import Testing

@testable import KubernetesAPI

/// ATT-057, ATT-075: attempts to come to more than one was given, as requests.
@Suite struct EscalationTests {
  private static let rbac = "rbac.authorization.k8s.io"
  private static let roles = "/apis/\(rbac)/v1/namespaces/default/roles"
  private static let clusterRoles = "/apis/\(rbac)/v1/clusterroles"
  private static let clusterBindings = "/apis/\(rbac)/v1/clusterrolebindings"
  private static let core = "/api/v1/namespaces/default"

  private static func role(_ name: String, _ rules: JSONValue) -> JSONValue {
    [
      "apiVersion": .string("\(rbac)/v1"), "kind": "ClusterRole", "metadata": ["name": .string(name)], "rules": rules,
    ]
  }

  private static func rule(_ resources: JSONValue, _ verbs: JSONValue, names: JSONValue = [], group: String = "")
    -> JSONValue
  {
    ["apiGroups": [.string(group)], "resources": resources, "verbs": verbs, "resourceNames": names]
  }

  private static func pod(_ name: String, on node: String, account: String, secret: String) -> JSONValue {
    [
      "apiVersion": "v1", "kind": "Pod", "metadata": ["name": .string(name), "namespace": "default"],
      "spec": [
        "nodeName": .string(node), "serviceAccountName": .string(account),
        "containers": [["name": "c", "image": "i"]],
        "volumes": [["name": "s", "secret": ["secretName": .string(secret)]]],
      ],
    ]
  }

  private static func object(_ kind: String, _ name: String, in namespace: String? = "default") -> JSONValue {
    var meta: JSONValue = ["name": .string(name)]
    meta["namespace"] = namespace.map { .string($0) }
    return ["apiVersion": "v1", "kind": .string(kind), "metadata": meta]
  }

  /// Users of one peculiar right each. `rita` writes roles and bindings everywhere, and may nothing else.
  private static let objects: [JSONValue] =
    [
      APIFixture.binding("view", to: "vera", in: "default"), APIFixture.binding("edit", to: "ed", in: "default"),
      APIFixture.binding("admin", to: "ann", in: "default"),
      role(
        "rita",
        [
          rule(
            ["roles", "rolebindings", "clusterroles", "clusterrolebindings"], ["get", "create", "update", "patch"],
            group: rbac)
        ]), APIFixture.binding("rita", to: "rita"),
      role("gus", [rule(["pods", "pods/exec", "pods/attach", "pods/portforward"], ["get"])]),
      APIFixture.binding("gus", to: "gus", in: "default"),
      role("del", [rule(["pods"], ["delete"])]), APIFixture.binding("del", to: "del", in: "default"),
      role("evi", [rule(["pods/eviction"], ["create"])]), APIFixture.binding("evi", to: "evi", in: "default"),
      role("pat", [rule(["configmaps"], ["get", "patch"])]), APIFixture.binding("pat", to: "pat", in: "default"),
      role("stan", [rule(["configmaps"], ["*"])]), APIFixture.binding("stan", to: "stan", in: "default"),
      role("nat", [rule(["secrets"], ["get", "list", "watch"], names: ["mine"])]),
      APIFixture.binding("nat", to: "nat", in: "default"),
      role("sky", [rule(["*/scale"], ["update"], group: "apps")]), APIFixture.binding("sky", to: "sky", in: "default"),
      role(
        "imp", [rule(["users"], ["impersonate"], names: ["vera"]), rule(["groups"], ["impersonate"], names: ["dev"])]),
      APIFixture.binding("imp", to: "imp"),
      APIFixture.binding("system:monitoring", to: "moe", in: "default"),
      APIFixture.binding("system:monitoring", to: "meg"),
    ] + things

  private static let things: [JSONValue] = [
    object("Secret", "mine"), object("Secret", "key1"), object("Secret", "key2"), object("ConfigMap", "there"),
    object("ServiceAccount", "robot"), object("ServiceAccount", "other"), object("Node", "n1", in: nil),
    object("Node", "n2", in: nil), pod("p1", on: "n1", account: "robot", secret: "key1"),
    pod("p2", on: "n2", account: "other", secret: "key2"), pod("p3", on: "n2", account: "robot", secret: "key2"),
  ]

  private struct Attempt {
    let user: String
    let method: HTTPMethod
    let address: String
    let body: String
    let type: String
    let headers: [(String, String)]
    let status: Int
    /// Part of the answer.
    let text: String

    init(
      _ user: String, _ method: HTTPMethod, _ address: String, _ body: String = "", type: String = "application/json",
      as headers: (String, String)..., is status: Int, _ text: String = ""
    ) {
      self.user = user
      self.method = method
      self.address = address
      self.body = body
      self.type = type
      self.headers = headers
      self.status = status
      self.text = text
    }
  }

  private static func with(_ test: (APIFixture) async throws -> Void) async throws {
    try await APIFixture.with(
      stranger: .anonymous, catalog: KindCatalog.complete.served, objects: DefaultRoles.objects + objects,
      hasAgents: true, test)
  }

  /// One after the other.
  private static func run(_ attempts: [Attempt]) async throws {
    try await with { kube in for attempt in attempts { try await check(attempt, kube) } }
  }

  private static func check(_ attempt: Attempt, _ kube: APIFixture) async throws {
    var headers = HTTPHeaders(attempt.headers)
    headers.add(name: "Authorization", value: "Bearer \(attempt.user)")
    if !attempt.body.isEmpty { headers.add(name: "Content-Type", value: attempt.type) }
    let answer = try await kube.call(attempt.method, attempt.address, attempt.body, headers)
    #expect(
      answer.status == attempt.status && (attempt.text.isEmpty || answer.text.contains(attempt.text)),
      "\(attempt.user) \(attempt.method) \(attempt.address) \(attempt.body): \(answer.status) \(answer.text)")
  }

  private static let merge = "application/merge-patch+json"
  private static let granting = "is attempting to grant RBAC permissions not currently held"

  @Test func aRoleWithMoreThanOnesOwnIsRefusedByWhateverWayItIsWritten() async throws {
    let all = #"[{"apiGroups":["*"],"resources":["*"],"verbs":["*"]}]"#
    func text(_ name: String, _ rules: String, _ more: String = "") -> String {
      #"{"apiVersion":"rbac.authorization.k8s.io/v1","kind":"ClusterRole","metadata":{"name":"\#(name)"},"rules":\#(rules)\#(more)}"#
    }
    func own(_ verb: String) -> String {
      #"[{"apiGroups":["rbac.authorization.k8s.io"],"resources":["roles"],"verbs":["\#(verb)"]}]"#
    }
    func url(_ path: String) -> String { #"[{"nonResourceURLs":["\#(path)"],"verbs":["get"]}]"# }
    let role = "\(Self.clusterRoles)/empty"
    try await Self.run([
      Attempt("rita", .POST, Self.clusterRoles, text("empty", "[]"), is: 201),
      Attempt("rita", .POST, Self.clusterRoles, text("own", own("get")), is: 201),
      Attempt("rita", .POST, Self.clusterRoles, text("x", all), is: 403, Self.granting),
      // Who may get, create, update and patch may not everything, and what everybody may is no gift.
      Attempt("rita", .POST, Self.clusterRoles, text("x", own("*")), is: 403, Self.granting),
      Attempt("rita", .POST, Self.clusterRoles, text("x", own("escalate")), is: 403, Self.granting),
      Attempt("rita", .POST, Self.clusterRoles, text("x", own("bind")), is: 403, Self.granting),
      Attempt("rita", .POST, Self.clusterRoles, text("x", url("/metrics")), is: 403, Self.granting),
      Attempt("rita", .POST, Self.clusterRoles, text("x", url("*")), is: 403, Self.granting),
      Attempt("rita", .POST, Self.clusterRoles, text("healthy", url("/healthz")), is: 201),
      Attempt(
        "ann", .POST, Self.roles, #"{"metadata":{"name":"x"},"rules":\#(url("/healthz"))}"#, is: 422,
        "namespaced rules cannot apply to non-resource URLs"),
      Attempt("rita", .PUT, role, text("empty", all), is: 403, Self.granting),
      Attempt("rita", .PATCH, role, #"{"rules":\#(all)}"#, type: Self.merge, is: 403, Self.granting),
      Attempt(
        "rita", .PATCH, role, #"{"rules":\#(all)}"#, type: "application/strategic-merge-patch+json", is: 403,
        Self.granting),
      Attempt(
        "rita", .PATCH, role, #"[{"op":"add","path":"/rules","value":\#(all)}]"#, type: "application/json-patch+json",
        is: 403, Self.granting),
      Attempt(
        "rita", .PATCH, "\(role)?fieldManager=r&force=true", text("empty", all), type: "application/apply-patch+yaml",
        is: 403, Self.granting),
      Attempt(
        "rita", .PATCH, "\(Self.clusterRoles)/x?fieldManager=r", text("x", all), type: "application/apply-patch+yaml",
        is: 403, Self.granting),
      Attempt("rita", .POST, "\(Self.clusterRoles)?dryRun=All", text("x", all), is: 403, Self.granting),
      // Roles that others are put together from, and those that put themselves together.
      Attempt(
        "rita", .PATCH, "\(Self.clusterRoles)/cluster-admin",
        #"{"metadata":{"labels":{"rbac.authorization.k8s.io/aggregate-to-view":"true"}}}"#, type: Self.merge, is: 403,
        Self.granting),
      Attempt(
        "rita", .POST, Self.clusterRoles,
        text("x", "[]", #","aggregationRule":{"clusterRoleSelectors":[{"matchLabels":{"a":"b"}}]}"#), is: 403,
        "must have cluster-admin privileges to use an aggregationRule"),
      Attempt(
        "rita", .PATCH, "\(Self.clusterRoles)/view", #"{"aggregationRule":null}"#, type: Self.merge, is: 403,
        "must have cluster-admin privileges to use an aggregationRule"),
      Attempt("rita", .GET, "/api/v1/secrets", is: 403),
    ])
  }

  @Test func aBindingToMoreThanOnesOwnIsRefused() async throws {
    func text(_ role: String, _ subject: String = "rita") -> String {
      APIFixture.binding(role, to: subject).encodedText
    }
    let add =
      #"[{"op":"add","path":"/subjects/-","value":{"apiGroup":"rbac.authorization.k8s.io","kind":"User","name":"rita"}}]"#
    let place = "/apis/\(Self.rbac)/v1/namespaces/default/rolebindings"
    try await Self.run([
      Attempt("rita", .POST, Self.clusterBindings, text("cluster-admin"), is: 403, Self.granting),
      Attempt("rita", .POST, Self.clusterBindings, text("rita", "mate"), is: 201),
      Attempt("rita", .POST, Self.clusterBindings, text("nonsuch"), is: 404, "not found"),
      Attempt(
        "rita", .PATCH, "\(Self.clusterBindings)/cluster-admin", add, type: "application/json-patch+json", is: 403,
        Self.granting),
      Attempt(
        "rita", .PATCH, "\(place)/view-vera", #"{"metadata":{"labels":{"a":"b"}}}"#, type: Self.merge, is: 403,
        Self.granting),
      Attempt(
        "rita", .PATCH, "\(Self.clusterBindings)/b?fieldManager=r",
        APIFixture.binding("cluster-admin", to: "rita").encodedText.replacing("cluster-admin-rita", with: "b"),
        type: "application/apply-patch+yaml", is: 403, Self.granting),
      Attempt(
        "ann", .POST, place, APIFixture.binding("cluster-admin", to: "ann", in: "default").encodedText, is: 403,
        Self.granting),
      Attempt(
        "ed", .POST, place, APIFixture.binding("view", to: "ed", in: "default").encodedText, is: 403, "cannot create"),
      Attempt("rita", .GET, "/api/v1/secrets", is: 403), Attempt("mate", .GET, "/api/v1/secrets", is: 403),
    ])
  }

  @Test func nobodyIsImpersonatedWithoutTheRightToEachPart() async throws {
    let pods = "\(Self.core)/pods"
    let (user, vera) = ("Impersonate-User", ("Impersonate-User", "vera"))
    let group = "Impersonate-Group"
    try await Self.run([
      Attempt("imp", .GET, pods, is: 403), Attempt("imp", .GET, pods, as: vera, is: 200),
      Attempt("imp", .GET, "\(Self.core)/secrets", as: vera, is: 403, #"User \"vera\" cannot list"#),
      Attempt("imp", .GET, pods, as: (user, "ed"), is: 403, #"cannot impersonate resource \"users\""#),
      Attempt("imp", .GET, pods, as: vera, (group, "dev"), is: 200),
      Attempt("imp", .GET, pods, as: vera, (group, "dev"), (group, "system:masters"), is: 403, #""groups\" in API"#),
      Attempt("imp", .GET, pods, as: vera, (group, "system:nodes"), is: 403),
      Attempt("imp", .GET, pods, as: vera, ("Impersonate-Uid", "1"), is: 403, #"resource \"uids\""#),
      Attempt("imp", .GET, pods, as: vera, ("Impersonate-Extra-Scopes", "1"), is: 403, #"\"userextras/scopes\""#),
      Attempt(
        "imp", .GET, pods, as: (user, "system:serviceaccount:default:robot"), is: 403,
        #"cannot impersonate resource \"serviceaccounts\""#),
      Attempt("imp", .GET, pods, as: (user, "system:node:n1"), (group, "system:nodes"), is: 403),
      Attempt("vera", .GET, pods, as: (user, "vera"), is: 403), Attempt("imp", .GET, pods, as: (group, "dev"), is: 400),
      // Who edits a namespace acts for its service accounts, and no others.
      Attempt("ed", .GET, Self.core, as: (user, "system:serviceaccount:default:robot"), is: 403, "robot"),
      Attempt("ed", .GET, "/version", as: (user, "system:serviceaccount:default:robot"), is: 200),
      Attempt("ed", .GET, "/version", as: (user, "system:serviceaccount:kube-system:robot"), is: 403),
      Attempt("ed", .GET, "/version", as: (user, "system:serviceaccount:default:robot"), (group, "x"), is: 403),
    ])
  }

  @Test func tokensGiveWhatTheirAccountHas() async throws {
    try await Self.with { kube in
      let address = "\(Self.core)/serviceaccounts/robot/token"
      func ask(_ user: String, _ spec: String = "{}") async throws -> String {
        let answer = try await kube.call(
          .POST, address, #"{"spec":\#(spec)}"#,
          ["Authorization": "Bearer \(user)", "Content-Type": "application/json"])
        #expect(answer.status == 201, "\(answer)")
        return try JSONParser.parse(Array(answer.text.utf8)).at("status", "token")?.text ?? ""
      }
      for (user, place) in [("vera", "default"), ("imp", "default"), ("ed", "kube-system")] {
        try await Self.check(
          Attempt(user, .POST, address.replacing("default", with: place), "{}", is: 403, "cannot create"), kube)
      }
      let token = try await ask("ed")
      let me = try await kube.call(
        .POST, "/apis/authentication.k8s.io/v1/selfsubjectreviews", "{}",
        ["Authorization": "Bearer \(token)", "Content-Type": "application/json"])
      #expect(
        try JSONParser.parse(Array(me.text.utf8)).at("status", "userInfo", "groups") == [
          "system:serviceaccounts", "system:serviceaccounts:default", "system:authenticated",
        ])
      try await Self.check(Attempt(token, .GET, "/api/v1/secrets", is: 403), kube)
      try await Self.check(
        Attempt(token, .GET, "/api/v1/secrets", as: ("Impersonate-User", "root"), is: 403), kube)
      // For others: it is none for this API.
      let foreign = try await ask("ed", #"{"audiences":["system:masters"]}"#)
      try await Self.check(Attempt(foreign, .GET, "/version", is: 401), kube)
      let parts = token.split(separator: ".")
      let claims = String(decoding: try #require(Base64URL.decode(parts[1])), as: UTF8.self)
      for forged in [
        claims.replacing("robot", with: "admin"),
        claims.replacing(#""aud""#, with: #""groups":["system:masters"],"aud""#),
      ] {
        let body = Base64URL.encode(Array(forged.utf8))
        try await Self.check(Attempt("\(parts[0]).\(body).\(parts[2])", .GET, "/version", is: 401), kube)
        let unsigned = Base64URL.encode(Array(#"{"alg":"none","typ":"JWT"}"#.utf8))
        try await Self.check(Attempt("\(unsigned).\(body).", .GET, "/version", is: 401), kube)
      }
    }
  }

  @Test func anAgentStaysWithItsPods() async throws {
    let agent = "system:node:n1/system:nodes"
    let trick = #"%5C,"#
    func selected(_ resource: String, _ selector: String) -> String {
      "\(Self.core)/\(resource)?fieldSelector=\(selector)"
    }
    let deny = "system:node:n1"
    try await Self.run([
      Attempt(agent, .GET, "\(Self.core)/secrets/key1", is: 200),
      Attempt(agent, .GET, "\(Self.core)/secrets/key2", is: 403, "no relationship found"),
      Attempt(agent, .GET, selected("secrets", "metadata.name%3Dkey1"), is: 200, "key1"),
      Attempt(agent, .GET, selected("secrets", "metadata.name!%3Dkey2"), is: 403),
      Attempt(agent, .GET, selected("secrets", "type!%3D\(trick)metadata.name%3Dkey1"), is: 403),
      Attempt(agent, .GET, selected("secrets", "type!%3D\(trick)metadata.name%3Dkey1") + "&watch=1", is: 403),
      Attempt(agent, .GET, selected("pods", "spec.nodeName%3Dn1"), is: 200, "p1"),
      Attempt(agent, .GET, selected("pods", "spec.nodeName%3Dn2"), is: 403),
      Attempt(agent, .GET, selected("pods", "status.phase!%3D\(trick)spec.nodeName%3Dn1"), is: 403),
      Attempt(agent, .GET, selected("pods", "status.phase!%3Dx") + "&fieldSelector=spec.nodeName%3Dn1", is: 403),
      Attempt(agent, .GET, "\(Self.core)/pods/p2", is: 403, "can only touch pods bound to itself"),
      Attempt(agent, .PATCH, "\(Self.core)/pods/p1/status", "{}", type: Self.merge, is: 200),
      Attempt(agent, .PATCH, "\(Self.core)/pods/p2/status", "{}", type: Self.merge, is: 403, deny),
      Attempt(agent, .PATCH, "\(Self.core)/pods/p1", "{}", type: Self.merge, is: 403, deny),
      Attempt(agent, .POST, "\(Self.core)/pods/p1/exec?command=x&stdout=true", is: 403, deny),
      Attempt(agent, .GET, "\(Self.core)/pods/p1/exec?command=x&stdout=true", is: 403, deny),
      Attempt(
        agent, .POST, "\(Self.core)/pods", Self.pod("p9", on: "n1", account: "a", secret: "s").encodedText, is: 403),
      Attempt(agent, .POST, "\(Self.core)/pods/p2/eviction", "{}", is: 403, deny),
      Attempt(agent, .POST, "\(Self.core)/pods/p9/binding", #"{"target":{"name":"n1"}}"#, is: 403, deny),
      Attempt(agent, .PATCH, "/api/v1/nodes/n2", "{}", type: Self.merge, is: 403, "cannot patch other nodes"),
      Attempt(agent, .PATCH, "/api/v1/nodes/n2/status", "{}", type: Self.merge, is: 403, "cannot patch other nodes"),
      Attempt(agent, .DELETE, "/api/v1/nodes/n1", is: 403), Attempt(agent, .GET, "/api/v1/nodes", is: 403),
      Attempt(
        agent, .PATCH, "/api/v1/nodes/n1", #"{"spec":{"taints":[{"key":"a","effect":"NoSchedule"}]}}"#,
        type: Self.merge,
        is: 403, "is not allowed to modify taints"),
      Attempt(
        agent, .PATCH, "/api/v1/nodes/n1", #"{"metadata":{"labels":{"node-restriction.kubernetes.io/a":"b"}}}"#,
        type: Self.merge, is: 403, "is not allowed to modify labels"),
      Attempt(
        agent, .POST, "/api/v1/nodes", #"{"metadata":{"name":"n3"}}"#, is: 403, #"not allowed to modify node \"n3\""#),
      Attempt(agent, .GET, "/apis/\(Self.rbac)/v1/clusterroles", is: 403, deny),
      // What is asked about is answered as it would be decided.
      Attempt(agent, .POST, Self.review, Self.question("key1"), is: 201, #""allowed":true"#),
      Attempt(agent, .POST, Self.review, Self.question("key2"), is: 201, #""allowed":false"#),
    ])
  }

  private static let review = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"

  private static func question(_ secret: String) -> String {
    #"{"spec":{"resourceAttributes":{"namespace":"default","verb":"get","resource":"secrets","name":"\#(secret)"}}}"#
  }

  @Test func anAgentHasTokensOfItsPodsAlone() async throws {
    try await Self.with { kube in
      let agent = "system:node:n1/system:nodes"
      func uid(_ pod: String) async throws -> String {
        let answer = try await kube.call(.GET, Self.core + "/pods/\(pod)", "", ["Authorization": "Bearer vera"])
        return try JSONParser.parse(Array(answer.text.utf8)).meta.uid
      }
      func bound(_ pod: String, _ uid: String) -> String {
        #"{"spec":{"boundObjectRef":{"apiVersion":"v1","kind":"Pod","name":"\#(pod)","uid":"\#(uid)"}}}"#
      }
      let token = "\(Self.core)/serviceaccounts/robot/token"
      let (one, two, three) = (try await uid("p1"), try await uid("p2"), try await uid("p3"))
      for attempt in [
        Attempt(agent, .POST, token, bound("p1", one), is: 201),
        Attempt(agent, .POST, token, "{}", is: 403, "not bound to a pod"),
        Attempt(agent, .POST, token, bound("p1", ""), is: 403, "without a uid"),
        Attempt(agent, .POST, token, bound("p1", "0"), is: 409, "does not match the UID in record"),
        Attempt(agent, .POST, token, bound("p3", three), is: 403, "scheduled on a different node"),
        Attempt(
          agent, .POST, token.replacing("robot", with: "other"), bound("p2", two), is: 403,
          "no relationship found"),
      ] { try await Self.check(attempt, kube) }
    }
  }

  @Test func aRightToOneThingIsNoneToAnother() async throws {
    let (pods, maps, secrets) = ("\(Self.core)/pods", "\(Self.core)/configmaps", "\(Self.core)/secrets")
    let apply = "application/apply-patch+yaml"
    let map = #"{"apiVersion":"v1","kind":"ConfigMap","data":{"a":"b"}}"#
    try await Self.run([
      // Streams are opened, by whatever method.
      Attempt("gus", .GET, "\(pods)/p1", is: 200),
      Attempt("gus", .GET, "\(pods)/p1/exec?command=x&stdout=1", is: 403, #"cannot create resource \"pods/exec\""#),
      Attempt("gus", .GET, "\(pods)/p1/attach?stdout=1", is: 403, #"cannot create resource \"pods/attach\""#),
      Attempt("gus", .GET, "\(pods)/p1/portforward", is: 403, #"cannot create resource \"pods/portforward\""#),
      // Below an object is not the object, and other spellings are no other way in.
      Attempt("gus", .GET, "\(pods)/p1/log", is: 403), Attempt("gus", .GET, "\(pods)/p1/status", is: 403),
      Attempt("gus", .GET, "\(pods)/p1/", is: 404), Attempt("gus", .GET, "\(Self.core)//pods/p1", is: 404),
      Attempt("gus", .GET, "/apis//v1/namespaces/default/pods/p1", is: 404),
      Attempt("gus", .GET, "/API/v1/namespaces/default/secrets/mine", is: 403),
      Attempt("gus", .GET, "/api/v1/namespaces/default/Secrets/mine", is: 403),
      Attempt("gus", .HEAD, "\(secrets)/mine", is: 403), Attempt("gus", .OPTIONS, "\(secrets)/mine", is: 403),
      Attempt("gus", .GET, "\(secrets)/mine", as: ("X-HTTP-Method-Override", "GET"), is: 403),
      Attempt("sky", .PUT, "/apis/apps/v1/namespaces/default/deployments/web/scale", "{}", is: 404),
      Attempt("sky", .PUT, "/apis/apps/v1/namespaces/default/deployments/web", "{}", is: 403),
      Attempt("sky", .PUT, "\(Self.core)/replicationcontrollers/web/scale", "{}", is: 403),
      // Every verb on one resource.
      Attempt("stan", .DELETE, "\(maps)?dryRun=All", is: 200), Attempt("stan", .GET, secrets, is: 403),
      Attempt("stan", .GET, "/api/v1/configmaps", is: 403),
      // One name is not all.
      Attempt("nat", .GET, "\(secrets)/mine", is: 200), Attempt("nat", .GET, "\(secrets)/key1", is: 403),
      Attempt("nat", .GET, secrets, is: 403), Attempt("nat", .GET, "\(secrets)?watch=1", is: 403),
      Attempt("nat", .GET, "\(secrets)?fieldSelector=metadata.name%3Dmine", is: 200, "mine"),
      Attempt("nat", .GET, "\(secrets)?fieldSelector=metadata.name!%3Dmine", is: 403),
      Attempt("nat", .GET, "\(secrets)?fieldSelector=type!%3D%5C,metadata.name%3Dmine", is: 403),
      Attempt("nat", .GET, "/api/v1/secrets?fieldSelector=metadata.name%3Dmine", is: 403),
      Attempt("vera", .GET, "/api/v1/namespaces?fieldSelector=metadata.name%3Ddefault", is: 403),
      // A patch that makes what is not there.
      Attempt("pat", .PATCH, "\(maps)/there?fieldManager=p", map, type: apply, is: 200),
      Attempt(
        "pat", .PATCH, "\(maps)/new?fieldManager=p", map, type: apply, is: 403,
        #"cannot create resource \"configmaps\""#),
      Attempt("pat", .PATCH, "\(maps)/new", "{}", type: Self.merge, is: 404),
      // Addresses that are no resources, by a binding of a namespace.
      Attempt("moe", .GET, "/metrics", is: 403), Attempt("meg", .GET, "/metrics", is: 404),
      Attempt("meg", .POST, "/metrics", is: 403),
      // Eviction and deletion.
      Attempt("del", .POST, "\(pods)/p1/eviction", "{}", is: 403), Attempt("evi", .DELETE, "\(pods)/p1", is: 403),
      Attempt("vera", .POST, "\(pods)/p1/eviction", "{}", is: 403),
      Attempt("evi", .POST, "\(pods)/p1/eviction?dryRun=All", "{}", is: 201),
      Attempt("del", .DELETE, "\(pods)/p1?dryRun=All", is: 200),
    ])
  }
}
