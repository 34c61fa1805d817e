// What CloudFront decides for each request and each answer, for the JavaScript module of nginx. A distribution's own
// settings are in settings.js, which nginx.py writes.
// https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/Expiration.html

import settings from 'settings.js';

const ALWAYS_KEPT = ['500', '502', '503', '504'];
// Kept unless the origin says no-store, no-cache or private; of all others CloudFront does not heed these words.
// https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/custom-error-pages-expiration.html
const KEPT_UNLESS_FORBIDDEN = ['404', '410', '414', '501'];
// Kept only when the origin says for how long.
const KEPT_IF_SAID = ['400', '403', '405', '412', '415'];
const ERROR_SECONDS = 10;
// What is old is given in place of an error as long as it is there, where nobody says how long.
// https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/HTTPStatusCodes.html
const AS_LONG_AS_IT_IS_THERE = 3650 * 24 * 60 * 60;

function behaviour(r) {
    return settings.behaviours[Number(r.variables.behaviour)];
}

function picked(values, name) {
    const named = values.names.indexOf(name) >= 0;
    return values.which === 'all' || (values.which === 'whitelist' && named) || (values.which === 'allExcept' && !named);
}

function pairs(text, separator) {
    return (text || '').split(separator).filter((part) => part !== '');
}

function filtered(parts, wanted) {
    return parts.filter((part) => wanted(part.split('=')[0]));
}

function queries(r, wanted) {
    return filtered(pairs(r.variables.args, '&'), wanted).join('&');
}

function cookies(r, wanted) {
    return filtered(pairs(r.variables.http_cookie, ';').map((part) => part.trim()), wanted).sort().join('; ');
}

// The path as it was sent, nothing decoded; with the viewer function's say.
function path(r) {
    const sent = r.variables.request_uri.split('?')[0];
    const rewritten = behaviour(r).rewrite ? behaviour(r).rewrite(sent) : sent;
    return rewritten === '/' && settings.root ? '/' + settings.root : rewritten;
}

function target(r) {
    const b = behaviour(r);
    const query = queries(r, (name) => picked(b.key.queries, name) || picked(b.sentOn.queries, name));
    return path(r) + (query ? '?' + query : '');
}

// A viewer is told apart by nothing but this. Lengths keep one part from reaching into the next.
function key(r) {
    const b = behaviour(r);
    const headers = b.keyHeaders.map((name) => (r.headersIn[name] === undefined ? name : `${name}:${r.headersIn[name]}`));
    const parts = [
        r.variables.server_port, r.variables.behaviour, path(r), queries(r, (name) => picked(b.key.queries, name)),
        cookies(r, (name) => picked(b.key.cookies, name)), encoding(r),
    ].concat(headers);
    return parts.map((part) => `${part.length}.${part}`).join(' ');
}

// The compressed forms that the viewer takes and the policy tells apart.
function encoding(r) {
    const b = behaviour(r);
    const taken = (r.variables.http_accept_encoding || '').toLowerCase().split(',').map((one) => one.split(';')[0].trim());
    const gzip = b.gzip && taken.indexOf('gzip') >= 0;
    const br = b.brotli && taken.indexOf('br') >= 0;
    return br && gzip ? 'br,gzip' : br ? 'br' : gzip ? 'gzip' : '';
}

function encodingSentOn(r) {
    const b = behaviour(r);
    return encoding(r) || (b.gzip || b.brotli ? 'identity' : '');
}

function cookieSentOn(r) {
    const b = behaviour(r);
    return cookies(r, (name) => picked(b.key.cookies, name) || picked(b.sentOn.cookies, name));
}

// CloudFront takes it from GET and HEAD unless it is in the key, or all headers are sent on.
function authorizationSentOn(r) {
    const reads = r.variables.request_method === 'GET' || r.variables.request_method === 'HEAD';
    return reads && !behaviour(r).authorizationOnReads ? '' : r.variables.http_authorization || '';
}

function directives(text) {
    const found = {};
    (text || '').toLowerCase().split(',').forEach((part) => {
        const at = part.indexOf('=');
        const name = (at < 0 ? part : part.slice(0, at)).trim();
        if (name && found[name] === undefined) {
            found[name] = at < 0 ? '' : part.slice(at + 1).trim().replace(/^"|"$/g, '');
        }
    });
    return found;
}

function seconds(text) {
    return text !== undefined && /^[0-9]+$/.test(text) ? Number(text) : undefined;
}

function said(r, found) {
    const shared = seconds(found['s-maxage']);
    const any = shared === undefined ? seconds(found['max-age']) : shared;
    if (any !== undefined || !r.variables.upstream_http_expires) {
        return any;
    }
    const until = Date.parse(r.variables.upstream_http_expires);
    const now = Date.parse(r.variables.upstream_http_date || '');
    return isNaN(until) || isNaN(now) ? 0 : Math.max(0, Math.floor((until - now) / 1000));
}

function forbidden(found) {
    return found.private !== undefined || found['no-store'] !== undefined || found['no-cache'] !== undefined;
}

// The Cache-Control that the cache obeys: the origin's, within the limits of the policy.
function kept(r) {
    const b = behaviour(r);
    const status = r.variables.status;
    const found = directives(r.variables.upstream_http_cache_control);
    if (Number(status) >= 400) {
        // S3's errors say nothing of it. What is said there is of the page that stands in for the error, which is not
        // asked: https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/HTTPStatusCodes.html
        const given = b.isBucket ? undefined : said(r, found);
        const least = settings.errors[status] === undefined ? ERROR_SECONDS : settings.errors[status];
        const isKept = ALWAYS_KEPT.indexOf(status) >= 0
            || (KEPT_UNLESS_FORBIDDEN.indexOf(status) >= 0 && (b.isBucket || !forbidden(found)))
            || (KEPT_IF_SAID.indexOf(status) >= 0 && given !== undefined);
        return b.most > 0 && isKept ? lasting(Math.max(least, Math.min(given || 0, b.most)), 0, 0) : 'no-store';
    }
    if (forbidden(found)) {
        return b.least > 0 ? lasting(b.least, 0, AS_LONG_AS_IT_IS_THERE) : 'no-store';
    }
    const given = said(r, found);
    if ((r.variables.upstream_http_vary || '').trim() === '*' && b.least === 0) {
        return 'no-store';
    }
    const ttl = Math.max(b.least, given === undefined ? b.default : Math.min(given, b.most));
    // Nothing that is said keeps an answer longer than the policy's MaxTTL.
    const left = Math.max(0, b.most - ttl);
    const stale = Math.min(seconds(found['stale-while-revalidate']) || 0, left);
    const ifError = found['stale-if-error'];
    return lasting(ttl, stale, ifError === undefined ? AS_LONG_AS_IT_IS_THERE : Math.min(seconds(ifError) || 0, left));
}

function lasting(ttl, stale, staleIfError) {
    // What nginx is told to keep for n seconds it keeps for up to a second longer, which CloudFront need not do.
    return ttl < 2 ? 'no-store'
        : `max-age=${ttl - 1}, stale-while-revalidate=${stale}, stale-if-error=${staleIfError}`;
}

export default {authorizationSentOn, cookieSentOn, encodingSentOn, kept, key, target};
