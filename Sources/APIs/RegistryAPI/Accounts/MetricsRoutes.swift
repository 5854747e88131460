import HTTPServing
import Metrics
import Registry

/// `/api/v1/metrics`: the server and the engine in numbers, in Prometheus's text format, for administrators.
enum MetricsRoutes {
  static func add(to router: inout Router<ManagementAPI.Handler>) {
    router.on(.GET, "/api/v1/metrics") { call, api in
      try api.requireAdministrator(call)
      return HTTPResponse(contentType: MetricsText.mediaType, bytes: try serverPage(api))
    }
    router.on(.GET, "/api/v1/metrics/engine") { call, api in
      try api.requireAdministrator(call)
      return HTTPResponse(contentType: MetricsText.mediaType, bytes: try api.engineMetrics())
    }
  }

  private static func serverPage(_ api: ManagementAPI) throws -> [UInt8] {
    var text = MetricsText()
    text.addProcess(startedAt: api.startedAt)
    let projects = api.accounts.allProjects()
    text.add(.gauge, "bulkhead_registry_projects", "Projects of the registry.", Double(projects.count))
    for project in projects {
      let usage = try api.registry.project(project.name)
      let labels = [("project", project.name)]
      text.add(
        .gauge, "bulkhead_registry_project_used_bytes", "Bytes of a project's blobs, each counted once.",
        labels: labels, Double(usage.usedBytes))
      if let quota = usage.settings.quotaBytes {
        text.add(
          .gauge, "bulkhead_registry_project_quota_bytes", "Bytes that a project may have.", labels: labels,
          Double(quota))
      }
    }
    text.add(
      .gauge, "bulkhead_registry_uploads", "Uploads that are not finished.", Double(api.registry.unfinishedUploads))
    return text.bytes
  }
}
