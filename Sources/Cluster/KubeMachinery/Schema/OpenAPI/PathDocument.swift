import HTTPServing

/// The addresses of a group and version, as far as clients look at them: verbs, parameters of a request's form, what a body is.
struct PathDocument {
  let version: SchemaDocument.Version
  let catalog: KindCatalog

  private typealias Members = [(name: String, value: JSONValue)]

  func paths(group: String, version groupVersion: String) -> [(name: String, value: JSONValue)] {
    let root = group.isEmpty ? "/api/\(groupVersion)" : "/apis/\(group)/\(groupVersion)"
    var paths: Members = []
    for kind in catalog.kinds(group: group, version: groupVersion) {
      let scope = kind.isNamespaced ? "\(root)/namespaces/{namespace}" : root
      if kind.isNamespaced, kind.verbs.contains("list") {
        paths.append(("\(root)/\(kind.plural)", item(kind, [("get", "list")], scoped: false, named: false)))
      }
      let ofList = [("get", "list"), ("post", "create"), ("delete", "deletecollection")]
      paths.append(("\(scope)/\(kind.plural)", item(kind, ofList, scoped: true, named: false)))
      let ofOne = [("get", "get"), ("put", "update"), ("patch", "patch"), ("delete", "delete")]
      if ofOne.contains(where: { kind.verbs.contains($0.1) }) {
        paths.append(("\(scope)/\(kind.plural)/{name}", item(kind, ofOne, scoped: true, named: true)))
      }
      for subresource in kind.subresources {
        paths.append(
          ("\(scope)/\(kind.plural)/{name}/\(subresource.name)", item(kind, subresource)))
      }
    }
    return paths
  }

  private func item(_ kind: Kind, _ methods: [(String, String)], scoped: Bool, named: Bool) -> JSONValue {
    var members: Members = []
    for (method, verb) in methods where kind.verbs.contains(verb) {
      members.append((method, operation(kind, method: method, verb: verb, kind.name)))
    }
    return .object(members + parameters(namespaced: kind.isNamespaced && scoped, named: named))
  }

  private func item(_ kind: Kind, _ subresource: Subresource) -> JSONValue {
    var members: Members = []
    for (verb, method) in [("get", "get"), ("update", "put"), ("patch", "patch"), ("create", "post")]
    where subresource.verbs.contains(verb) {
      members.append((method, operation(kind, method: method, verb: verb, subresource.kind ?? kind.name)))
    }
    return .object(members + parameters(namespaced: kind.isNamespaced, named: true))
  }

  private func operation(_ kind: Kind, method: String, verb: String, _ name: KindName) -> JSONValue {
    let action = ["create": "post", "update": "put", "get": "get"][verb] ?? verb
    var members: Members = [
      ("responses", ["200": ["description": "OK"]]),
      ("x-kubernetes-action", .string(action)),
      (
        "x-kubernetes-group-version-kind",
        ["group": .string(name.group), "kind": .string(name.kind), "version": .string(name.version)]
      ),
    ]
    if verb == "create" || verb == "update" || verb == "patch" {
      members.insert(("parameters", .array(["dryRun", "fieldManager", "fieldValidation"].map(query))), at: 0)
    }
    return .object(members)
  }

  /// kubectl looks for these to know what it may ask for.
  private func query(_ name: String) -> JSONValue {
    switch version {
    case .two: ["in": "query", "name": .string(name), "type": "string", "uniqueItems": true]
    case .three: ["in": "query", "name": .string(name), "schema": ["type": "string", "uniqueItems": true]]
    }
  }

  private func parameters(namespaced: Bool, named: Bool) -> Members {
    let names = (named ? ["name"] : []) + (namespaced ? ["namespace"] : [])
    guard !names.isEmpty else { return [] }
    let parameters = names.map { name -> JSONValue in
      switch version {
      case .two: ["in": "path", "name": .string(name), "required": true, "type": "string", "uniqueItems": true]
      case .three:
        [
          "in": "path", "name": .string(name), "required": true, "schema": ["type": "string", "uniqueItems": true],
        ]
      }
    }
    return [("parameters", .array(parameters))]
  }
}
