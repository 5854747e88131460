import HTTPServing
import Model
import Registry

/// `/api/v1/registry`: the upkeep of all that is kept.
enum UpkeepRoutes {
  static func add(to router: inout Router<ManagementAPI.Handler>) {
    router.on(.POST, "/api/v1/registry/gc") { call, api in
      try api.requireAdministrator(call)
      let isDryRun = call.request.query["dryRun"] == "true"
      let collection = try api.registry.collectGarbage(isDryRun: isDryRun)
      api.note(call, "garbage collected", isDryRun ? "dry run" : "")
      return try ManagementAPI.json(collection)
    }
    router.on(.POST, "/api/v1/registry/check") { call, api in
      try api.requireAdministrator(call)
      let repairs = call.request.query["repair"] == "true"
      let check = try api.registry.check(repairs: repairs, readsContent: call.request.query["content"] == "true")
      api.note(call, repairs ? "registry repaired" : "registry checked", "")
      return try ManagementAPI.json(check)
    }
  }
}
