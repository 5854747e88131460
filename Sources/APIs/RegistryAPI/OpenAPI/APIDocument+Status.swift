/// The platform on a page.
extension APIDocument {
  static let status: [APIOperation] = [
    APIOperation(
      .GET, "/status", "getStatus", .server, "The server on a page.", gives: .json(.reference("ServerStatus"))),
    APIOperation(
      .GET, "/status/cluster", "getClusterStatus", .server,
      "The cluster on a page; not found where the server serves none.", gives: .json(.reference("ClusterStatus"))),
  ]

  static let statusSchemas: [String: DocumentValue] = [
    "ServerStatus": .object(
      "The server on a page.",
      [
        "version": .string("Of the program"), "startedAt": .moment("When it was started"),
        "addresses": .array(["type": "string"], "Where it is reached"),
        "certificateEndsAt": .moment("The last moment of its certificate"),
        "projects": .integer("Projects of the registry"),
        "usedBytes": .integer("Bytes of all projects, the blobs of each counted once"),
        "freeBytes": .integer("Room on its disk"),
      ]),
    "ClusterStatus": .object(
      "The cluster on a page. Lists are cut at 20 entries.",
      [
        "addresses": .array(["type": "string"], "Where the Kubernetes API is reached"),
        "certificateEndsAt": .moment("The last moment of its certificate"),
        "nodes": .integer("Nodes"), "nodesNotReady": .array(["type": "string"], "Those that are not ready"),
        "pods": .map(["type": "integer", "format": "int64"], "Pods by phase"),
        "podsNotReady": .integer("Pods that run and are not ready"),
        "workloads": .integer("Deployments, daemon sets and replication controllers"),
        "workloadsUnsettled": .array(
          .object(
            "One with another number of pods than wanted.",
            [
              "kind": .string("Its kind"), "namespace": .string("Its namespace"), "name": .string("Its name"),
              "wanted": .integer("Pods that are wanted"), "available": .integer("Pods that are available"),
            ])),
        "services": .integer("Services"),
        "servicesWithoutEndpoints": .array(
          ["type": "string"], "NAMESPACE/NAME of those with a selector and nothing ready behind it"),
        "warnings": .array(
          .object(
            "An event of the type Warning.",
            [
              "at": .moment("When it was seen last"), "namespace": .string("Its namespace"),
              "object": .string("What it is about, as pod/web"), "reason": .string("Why, in one word"),
              "message": .string("What happened"), "count": .integer("How often"),
            ]), "The last hour's, the newest first"),
      ]),
  ]
}
