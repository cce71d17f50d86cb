-- Argo CD's health of a KlivSecret or KlivAccount: what their conditions say.
local health = { status = "Progressing", message = "waits for the kliv-secrets controller" }
local status = obj.status or {}
if status.observedGeneration ~= nil and status.observedGeneration ~= obj.metadata.generation then
  return health
end
for _, condition in ipairs(status.conditions or {}) do
  if condition.type == "Ready" and condition.status ~= "Unknown" then
    health.message = condition.reason .. ": " .. condition.message
    if condition.status == "True" then
      health.status = "Healthy"
    elseif condition.reason == "AwaitingValue" then
      -- A question that waits for its answer is no failure.
      health.status = "Suspended"
    else
      health.status = "Degraded"
    end
  end
end
return health
