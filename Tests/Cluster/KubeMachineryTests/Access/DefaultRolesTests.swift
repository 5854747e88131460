import HTTPServing
import KubeMachinery
import Testing

/// That they are whole, and put together rightly. What each allows: `RoleTableTests`.
struct DefaultRolesTests {
  @Test func theDefaultsAreWholeAndNoneStandsTwice() {
    let names = DefaultRoles.objects.map { "\($0.kind)/\($0.meta.name)" }
    #expect(Set(names).count == names.count)
    for object in DefaultRoles.objects where object.kind == "ClusterRoleBinding" {
      #expect(names.contains("ClusterRole/\(object["roleRef"]?["name"]?.text ?? "")"))
      #expect(object.meta.labels["kubernetes.io/bootstrapping"] == "rbac-defaults")
    }
    #expect(RoleAggregation.changes(DefaultRoles.objects.filter { $0.kind == "ClusterRole" }).isEmpty)
  }

  @Test func aRoleWithTheLabelJoinsTheAggregate() throws {
    var mine = AccessSample.role("widgets", [["verbs": ["get"], "apiGroups": ["my"], "resources": ["widgets"]]])
    mine["metadata"]?["labels"] = ["rbac.authorization.k8s.io/aggregate-to-view": "true"]
    let roles = DefaultRoles.objects.filter { $0.kind == "ClusterRole" } + [mine]
    let changed = RoleAggregation.changes(roles)
    #expect(changed.map(\.meta.name) == ["admin", "edit", "view"])
    for role in changed {
      #expect(role["rules"]?.items.contains { $0["resources"] == ["widgets"] } ?? false)
    }
  }

  @Test func aggregatesInACircleComeToRest() {
    func aggregate(_ name: String, _ label: String, from: String) -> JSONValue {
      var role = AccessSample.role(name, [])
      role["metadata"]?["labels"] = .texts([label: "true"])
      role["aggregationRule"] = ["clusterRoleSelectors": [["matchLabels": .texts([from: "true"])]]]
      return role
    }
    var source = AccessSample.role("source", [["verbs": ["get"], "apiGroups": [""], "resources": ["pods"]]])
    source["metadata"]?["labels"] = ["a": "true"]
    let changed = RoleAggregation.changes([aggregate("x", "a", from: "b"), aggregate("y", "b", from: "a"), source])
    #expect(changed.map { $0["rules"]?.items.count } == [1, 1])
  }

  @Test(arguments: [nil, JSONValue.null, JSONValue.array([])])
  func anAggregateOfNothingStaysAsItSaysSo(rules: JSONValue?) {
    var role = AccessSample.role("x", [])
    role["rules"] = rules
    role["aggregationRule"] = ["clusterRoleSelectors": [["matchLabels": ["a": "true"]]]]
    #expect(RoleAggregation.changes([role]).isEmpty)
    var source = AccessSample.role("source", [["verbs": ["get"], "apiGroups": [""], "resources": ["pods"]]])
    source["metadata"]?["labels"] = ["a": "true"]
    #expect(RoleAggregation.changes([role, source]).map { $0["rules"] } == [source["rules"]])
  }
}
